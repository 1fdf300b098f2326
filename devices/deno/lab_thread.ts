/** The thread that runs some of a lab's guests. */
/// <reference lib="deno.worker" />
import { LocalCrew } from "../network/local_crew.ts";
import { Channel, type RoundAnswer, type RoundRequest } from "./lab_channel.ts";
import type { ThreadTask } from "./lab_crew.ts";
import { LabMachine } from "./lab_machine.ts";

self.addEventListener("message", async (event: MessageEvent<ThreadTask>) => {
  const { specs, requests, answers } = event.data;
  const inbox = new Channel(requests);
  const outbox = new Channel(answers);
  // This thread ends with the other one, so it waits for it as long as it takes.
  const give = (answer: RoundAnswer) => outbox.send(answer, () => false);
  try {
    const guests = new Map<number, LabMachine["guest"]>();
    for (const { number, spec } of specs) guests.set(number, (await LabMachine.open(spec)).guest);
    const crew = new LocalCrew(guests);
    give({ kind: "ends", ends: [] });
    for (;;) {
      const { edge, turns } = inbox.receive(() => false) as RoundRequest;
      give({ kind: "ends", ends: await crew.run(edge, turns) });
    }
  } catch (error) {
    const { stack, message } = error as Error;
    give({ kind: "failed", message: stack ?? message });
  }
});
