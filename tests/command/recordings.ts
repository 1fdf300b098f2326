/** What the tests of commands record. */
import { assert } from "@std/assert";
import { join } from "@std/path";
import type { Input } from "../../core/host.ts";
import { Random } from "../../core/random.ts";
import { codec } from "../../replay/deno/codec.ts";
import { ChunkFile } from "../../replay/format/chunk_file.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import { readRecording } from "../../replay/format/reader.ts";
import { RecordingWriter } from "../../replay/format/writer.ts";

/** A disk of 1 MiB with seeded content. */
export async function diskFile(folder: string): Promise<string> {
  const path = join(folder, "disk");
  await Deno.writeFile(path, new Random(4).bytes(1 << 20));
  return path;
}

export async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type InputOf<Kind> = Extract<Input, { kind: Kind }>;

/** Writes a recording anew with one input changed, the first of its kind that fits. @returns its cycle */
export async function changeInput<Kind extends Input["kind"]>(
  path: string,
  kind: Kind,
  change: (input: InputOf<Kind>) => InputOf<Kind> | undefined,
): Promise<number> {
  const { header, images, log } = readRecording(new MemoryFile(await Deno.readFile(path)), codec);
  for (const [at, entry] of log.entries.entries()) {
    if (entry.kind !== "input" || entry.input.kind !== kind) continue;
    const input = change(entry.input as InputOf<Kind>);
    if (input === undefined) continue;
    const file = new MemoryFile();
    const writer = new RecordingWriter(new ChunkFile(file, codec), { ...header, images });
    const entries = log.entries.with(at, { ...entry, input });
    writer.part({ firstCycle: 0, lastCycle: log.endCycle, ...log, entries });
    writer.end(log);
    await Deno.writeFile(path, file.bytes);
    return entry.cycle;
  }
  assert(false, `no ${kind} input in ${path}`);
}
