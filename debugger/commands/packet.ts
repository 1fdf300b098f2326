/** `packet`: to where a frame of the lab was sent, or came. */
import { z } from "zod";
import { command } from "../command.ts";
import { CommandError, labOf } from "../debugger.ts";
import { position } from "../position.ts";

export const packet = command({
  name: "packet",
  summary:
    "goes to where this guest sends or gets a frame, and brings the sender to where it is sent",
  parameters: z.object({
    id: z.string().regex(/^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*>\d{1,15}$/, "GUEST/DEVICE>N is needed")
      .describe("a frame: GUEST/DEVICE>N, the N-th from 0 that left the device"),
  }),
  effect: "moves",
  async run(debug, { id }, signal) {
    const lab = labOf(debug);
    const sender = lab.guests.find(({ name }) => name === id.split("/")[0]);
    const { labBranch } = debug;
    const sentAt = labBranch ? labBranch.sentAt.get(id) : sender && await lab.sentAt(id);
    if (sender === undefined || sentAt === undefined) {
      throw new CommandError(`${id} was never sent`);
    }
    if (sender.name === lab.name) await debug.seek(sentAt, signal);
    else {
      const got = debug.events?.find(({ input }) => input?.sent === id);
      if (got === undefined) throw new CommandError(`${id} never came to ${lab.name}`);
      await debug.seek(got.cycle, signal);
      sender.want(sentAt, labBranch);
    }
    return position(debug);
  },
});
