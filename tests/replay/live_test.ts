/** Recordings of the real world: disk files, the host's entropy, clock and timing. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Random } from "../../core/random.ts";
import { UART_ID } from "../../devices/board.ts";
import { DiskFile } from "../../devices/deno/disk_file.ts";
import { LiveHost } from "../../devices/deno/live_host.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import { replay } from "../../replay/replayer.ts";
import { buildOf, configOf, outputHash, POCKET, read, recordInto, writerOf } from "./machines.ts";

Deno.test("a live recording with a disk file replays without it", async () => {
  const config = configOf(POCKET, "live");
  const folder = await Deno.makeTempDir();
  const path = join(folder, "disk");
  await Deno.writeFile(path, new Random(3).bytes(config.disks[0].sizeBytes));
  const disk = DiskFile.open(path, "overlay");
  const host = new LiveHost({
    timing: "live",
    seed: 1,
    disks: new Map([["disk0", disk]]),
  });
  const terminal = host.attachConsole(UART_ID);
  await terminal.post(new TextEncoder().encode("typed\n"));
  const file = new MemoryFile();
  const { digest } = await recordInto(writerOf(POCKET, file, config), POCKET, host, config);
  terminal.close();
  disk.close();
  await Deno.remove(folder, { recursive: true });

  const { log, damage } = read(file.bytes);
  assertEquals(damage, undefined);
  const count = (kind: string) =>
    log.entries.filter((it) => it.kind === "input" && it.input.kind === kind).length;
  assert(count("disk") > 0 && count("console") === 1, `${log.entries.length} inputs`);
  const again = await replay(log, buildOf(POCKET, config), { check: outputHash });
  assertEquals(again.digest, digest);
});
