/** `hindsight why`: where a value in a recording comes from. */
import { runLine } from "../debugger/command.ts";
import { COMMANDS } from "../debugger/commands/list.ts";
import { CommandError } from "../debugger/debugger.ts";
import { printLine } from "../devices/deno/terminal.ts";
import type { Debugger } from "../debugger/debugger.ts";
import type { LabRecording } from "../replay/format/reader.ts";
import { budgetFor, debuggers, positionIn } from "./debuggers.ts";
import { STATUS, UsageError } from "./errors.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { labClients } from "./lab_clients.ts";
import {
  GUEST_FLAG,
  opened,
  type OpenRecording,
  readRecordedFile,
  recordingIn,
} from "./recording_file.ts";

export const WHY_FLAGS: readonly Flag[] = [
  {
    name: "at",
    value: "CYCLE|start|end",
    summary: "the value that it has there; at the end by default",
  },
  { name: "size", value: "N", summary: "bytes of memory; default 8" },
  { name: "steps", value: "N", summary: "follow so many writers; default 40" },
  { name: "hart", value: "N", summary: "whose register, and whose translation of the address" },
  GUEST_FLAG,
  { name: "json", summary: "as JSON" },
];

/** @returns the exit status */
export async function why(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, WHY_FLAGS);
  const [path, what, ...rest] = flags.positional;
  if (what === undefined || rest.length > 0) {
    throw new UsageError(
      "why needs a file and a register or an address, such as: why crash.hsr a0",
    );
  }
  const text = (name: string) => flags.values.get(name)?.[0];
  const recorded = readRecordedFile(path);
  const recording = recordingIn(path, recorded, text("guest"));
  const at = positionIn(text("at") ?? "end", recording.log.endCycle);
  const debug = recorded.lab === undefined
    ? await debuggerOf(await opened(path, recording), at)
    : await guestOf(path, recorded.lab, text("guest")!, at);
  const given = ["size", "steps", "hart"].flatMap((name) =>
    text(name) === undefined ? [] : [`${name}=${text(name)}`]
  );
  const answer = await runLine(COMMANDS, debug, ["why", what, ...given].join(" ")).catch(
    (error) => {
      throw error instanceof CommandError ? new UsageError(error.message) : error;
    },
  );
  printLine(flags.values.has("json") ? JSON.stringify(answer.data) : answer.text);
  return STATUS.ok;
}

function debuggerOf(recording: OpenRecording, at: number): Promise<Debugger> {
  return debuggers(recording, budgetFor(recording))(at);
}

/** With the other guests, into whose memory a frame may lead. */
async function guestOf(
  path: string,
  lab: LabRecording,
  name: string,
  at: number,
): Promise<Debugger> {
  const guests = (await labClients(path, lab, { at }))();
  return await guests.find((guest) => guest.name === name)!.open();
}
