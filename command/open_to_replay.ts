/** What `replay` and `verify` run: a recording's machine, or a lab's guests together. */
import { openCompiler } from "./compiler.ts";
import type { Flags } from "./flags.ts";
import { engineOf } from "./machine_config.ts";
import { type OpenLab, openLab } from "./recorded_lab.ts";
import { opened, type OpenRecording, readRecordedFile, recordingIn } from "./recording_file.ts";

export type ToReplay =
  | { readonly lab: OpenLab; readonly machine?: undefined }
  | { readonly lab?: undefined; readonly machine: OpenRecording };

/** By `--guest` and `--jit-threshold`, with a thread that compiles. @throws UsageError, HostError */
export async function openToReplay(path: string, flags: Flags): Promise<ToReplay> {
  const compiler = openCompiler();
  const engine = { compiler: compiler.open.bind(compiler), ...engineOf(flags) };
  const recorded = readRecordedFile(path);
  const guest = flags.values.get("guest")?.[0];
  return recorded.lab !== undefined && guest === undefined
    ? { lab: await openLab(path, recorded.lab, engine) }
    : { machine: await opened(path, recordingIn(path, recorded, guest), engine) };
}
