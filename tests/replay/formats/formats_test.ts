/** A recording of every released format version, verified by every later build. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { openLab } from "../../../command/recorded_lab.ts";
import { openRecording, readRecordedFile } from "../../../command/recording_file.ts";
import { replayLab } from "../../../command/replay_lab.ts";
import { replay } from "../../../replay/replayer.ts";
import { StoredCheck } from "../../../replay/stored_check.ts";

/** Digests of the last cycle, by the builds that made the files. */
const RELEASED: readonly {
  readonly file: string;
  readonly cycle: number;
  readonly digest: string;
  readonly checkpoints: number;
}[] = [
  { file: "v1.hsr", cycle: 150_000_000, digest: "39289c2019012ef0", checkpoints: 1 },
];

for (const { file, cycle, digest, checkpoints } of RELEASED) {
  Deno.test(`${file} verifies`, async () => {
    const path = fromFileUrl(new URL(file, import.meta.url));
    const { log, build, outputHash, damage, stored } = await openRecording(path);
    assertEquals(damage, undefined);
    assert(log.entries.length > 0 && log.outputs.length > 0, "it holds nothing");
    const check = new StoredCheck(stored);
    const end = await replay(log, build, {
      check: outputHash,
      onStart: (machine) => check.begin(machine),
      onMatch: (machine) => check.compare(machine),
    });
    assertEquals([check.count, check.notes], [checkpoints, []]);
    assertEquals([end.cycle, end.digest], [cycle, digest]);
  });
}

Deno.test("lab1.hsr verifies, its guests together and one by one", async () => {
  const path = fromFileUrl(new URL("lab1.hsr", import.meta.url));
  const lab = await openLab(path, readRecordedFile(path).lab!);
  const expected = ["1e65f75a51646784", "e1e62828240419df"];
  assertEquals([lab.log.events.length, lab.damage], [5, undefined]);
  const { cycle, guests } = await replayLab(lab);
  assertEquals([cycle, guests.map(({ digest }) => digest)], [250_000_000, expected]);
  for (const { storedCount, storedNotes } of guests) {
    assertEquals([storedCount, storedNotes], [1, []]);
  }
  for (const [number, { log, build, outputHash }] of lab.guests.entries()) {
    const alone = await replay(log, build, { check: outputHash });
    assertEquals([alone.cycle, alone.digest], [250_000_000, expected[number]]);
  }
});
