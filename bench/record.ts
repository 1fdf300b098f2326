/** What recording costs over running, and replaying over recording, where the guest computes. */
import { fromFileUrl, join } from "@std/path";
import { imageUrl } from "../guests/images.ts";
import { DebianRuns } from "./debian.ts";
import type { Report } from "./report.ts";
import { commandsOf, measureWorks, type Work } from "./works.ts";

const COMPUTE = "sha256sum /bin/busybox; gzip -c /bin/busybox | wc -c";
/** Long enough for start and boot to matter little. */
const COMPUTE_ON = "i=0; while [ $i -lt 200 ]; do sha256sum /bin/busybox; i=$((i + 1)); done";

export async function benchRecord(rounds: number): Promise<Report> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "bench.hsr");
  try {
    await using boot = await DebianRuns.open(COMPUTE);
    await using long = await DebianRuns.open(COMPUTE_ON);
    const kernel = ["--bios", fromFileUrl(imageUrl("coremark"))];
    const works: Work[] = [
      { commands: commandsOf(boot.machine, file), parts: whole("boot, sha256sum, gzip") },
      { commands: commandsOf(kernel, file), parts: whole("coremark") },
      { commands: commandsOf(long.machine, file), parts: whole("boot, 200 times sha256sum") },
    ];
    return await measureWorks({ title: "record", works, file, rounds });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function whole(name: string): Work["parts"] {
  return ({ wallMs, userMs }) => ({ [`${name}: wall`]: wallMs, [`${name}: user`]: userMs });
}
