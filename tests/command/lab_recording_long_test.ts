/** Four Debian guests that fetch a file from each other, in one recording. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { readRecordedFile } from "../../command/recording_file.ts";
import { encodePart } from "../../replay/format/log_chunk.ts";
import type { LogEntry } from "../../replay/log.ts";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const FOUR = fromFileUrl(new URL("../../guests/labs/four.json", import.meta.url));
/** Beside its payload. */
const BYTES_PER_FRAME_MAX = 32;
/** A part of a log has about so many at least. */
const FRAMES_PER_PART = 50;

Deno.test("four Debian guests are recorded, verified together, and one of them alone", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const path = join(folder, "four.hsr");
    const recorded = await hindsight(["record", "--lab", FOUR, "-o", path]);
    assertEquals([recorded.status, recorded.stderr], [0, ""]);
    const verified = await hindsight(["verify", path]);
    assertEquals([verified.status, verified.stderr], [0, ""]);
    const [, digest] = /g3 ([0-9a-f]{16})/.exec(verified.stdout)!;
    const alone = await hindsight(["verify", path, "--guest", "g3"]);
    assertEquals(alone.status, 0, alone.stderr);
    assertMatch(alone.stdout, new RegExp(`digest ${digest}\n$`));

    const { guests } = readRecordedFile(path).lab!;
    for (const [name, { log }] of guests) {
      const frames = log.entries.filter((entry) => sizeOf(entry) !== undefined);
      assert(frames.length >= FRAMES_PER_PART, `${name}: ${frames.length} frames`);
      const bytes = bytesPerFrame(frames.slice(0, FRAMES_PER_PART));
      assert(bytes <= BYTES_PER_FRAME_MAX, `${name}: ${bytes} bytes beside each frame`);
    }
  });
});

function sizeOf(entry: LogEntry): number | undefined {
  return entry.kind === "input" && entry.input.kind === "frame"
    ? entry.input.bytes.length
    : undefined;
}

/** What a part of a log with nothing but frames has beside them. */
function bytesPerFrame(entries: readonly LogEntry[]): number {
  const [firstCycle, lastCycle] = [entries[0].cycle, entries.at(-1)!.cycle];
  const part = { firstCycle, lastCycle, entries, outputs: [], digests: [] };
  const { log, blobs } = encodePart(part);
  const all = [log, ...blobs].reduce((sum, { length }) => sum + length, 0);
  const payload = entries.reduce((sum, entry) => sum + sizeOf(entry)!, 0);
  return (all - payload) / entries.length;
}
