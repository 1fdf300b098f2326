/** A recording of every released format version, verified by every later build. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { openRecording } from "../../../command/recording_file.ts";
import { replay } from "../../../replay/replayer.ts";

/** Digests of the last cycle, by the builds that made the files. */
const RELEASED: readonly {
  readonly file: string;
  readonly cycle: number;
  readonly digest: string;
}[] = [
  { file: "v1.hsr", cycle: 150_000_000, digest: "e8e04199b364016b" },
];

for (const { file, cycle, digest } of RELEASED) {
  Deno.test(`${file} verifies`, async () => {
    const path = fromFileUrl(new URL(file, import.meta.url));
    const { log, build, outputHash, damage } = await openRecording(path);
    assertEquals(damage, undefined);
    assert(log.entries.length > 0 && log.outputs.length > 0, "it holds nothing");
    const end = await replay(log, build, { check: outputHash });
    assertEquals([end.cycle, end.digest], [cycle, digest]);
  });
}
