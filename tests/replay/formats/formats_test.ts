/** A recording of every released format version, verified by every later build. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { openRecording } from "../../../command/recording_file.ts";
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
