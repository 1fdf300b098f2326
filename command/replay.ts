/** `hindsight replay`: prints a recording's console again, then the final cycle and digest. */
import { printLine, writeOutput } from "../devices/deno/terminal.ts";
import { ThreadCompiler } from "../devices/deno/compiler.ts";
import { replay as replayLog } from "../replay/replayer.ts";
import { HostError, STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flag, parseFlags } from "./flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { withProgress } from "./progress.ts";
import { onlyFile, openRecording } from "./recording_file.ts";

export const REPLAY_FLAGS: readonly Flag[] = [
  { name: "until", value: "CYCLE", summary: "stop there" },
  JIT_FLAG,
];

/** @returns the exit status @throws HostError after replaying what is whole of a damaged file */
export async function replay(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, REPLAY_FLAGS);
  const path = onlyFile("replay", flags.positional);
  const until = cycleFlag(flags, "until");
  const compiler = new ThreadCompiler();
  const { log, build, damage } = await openRecording(path, {
    engine: { compiler: (shape) => compiler.open(shape), ...engineOf(flags) },
  });
  if (until !== undefined && until > log.endCycle) {
    throw new UsageError(`--until ${until}: the recording ends at cycle ${log.endCycle}`);
  }
  const printed = new Lines();
  // On a terminal the console itself shows how far it is.
  const isAside = !Deno.stdout.isTerminal();
  const { cycle, digest } = await withProgress(
    "replaying",
    until ?? log.endCycle,
    isAside,
    (reached) =>
      replayLog(log, build, {
        until,
        onOutput: (_cycle, _device, output) => {
          if (output.kind === "console") printed.write(output.bytes);
        },
        onProgress: (cycle) => {
          printed.flush();
          reached(cycle);
        },
      }),
  );
  printed.flush();
  if (!printed.isAtLineStart) printLine();
  printLine(`cycle ${cycle} digest ${digest}`);
  if (damage !== undefined && cycle === log.endCycle) throw new HostError(`${path}: ${damage}`);
  return STATUS.ok;
}

/** Gathers console bytes, which come one by one. */
class Lines {
  #pieces: Uint8Array[] = [];
  isAtLineStart = true;

  write(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    if (bytes.length > 0) this.isAtLineStart = bytes.at(-1) === 10;
    if (this.#pieces.length >= 4096) this.flush();
  }

  /** @throws OutputError if standard output is gone */
  flush(): void {
    const all = new Uint8Array(this.#pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.#pieces.splice(0)) {
      all.set(piece, at);
      at += piece.length;
    }
    writeOutput(all);
  }
}
