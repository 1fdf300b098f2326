/** Debian reads a disk that fails: who is charged, and who is not. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { hindsight } from "./cli.ts";
import { diskFile, inFolder } from "./recordings.ts";

Deno.test("Debian's dd fails for the sector that does, and not for the one that was slow", async () => {
  await inFolder(async (folder) => {
    const disk = await diskFile(folder);
    const [plan, path] = [join(folder, "plan.json"), join(folder, "it.hsr")];
    const faults = [
      { disk: "disk0", fault: "read-error", sectors: [100, 100] },
      { disk: "disk0", fault: "latency", sectors: [1000, 1000], times: 1 },
    ];
    await Deno.writeTextFile(plan, JSON.stringify({ disk: faults }));
    const run =
      "dd if=/dev/vda bs=4096 skip=120 count=10 of=/dev/null; dd if=/dev/vda of=/dev/null";
    const machine = ["--guest", "debian", "--disk", disk, "--disk-timing", "model", "--run", run];
    const recorded = await hindsight(["record", ...machine, "--faults", plan, "-o", path]);
    assertEquals(recorded.status, 1, recorded.stderr);
    assertMatch(recorded.stdout, /dd: \/dev\/vda: Input\/output error/);
    assertEquals((await hindsight(["verify", path])).status, 0);

    const listed = JSON.parse(
      (await hindsight(["events", path, "--kind", "host", "--json"])).stdout,
    );
    const idsOf = (isError: boolean) =>
      listed.filter((it: { event: string; error?: string }) =>
        it.event === "injected" && (it.error === "EIO") === isError
      ).map(({ id }: { id: string }) => id);
    const judge = async (ids: string[]) => {
      const { status, stdout, stderr } = await hindsight(
        ["what-if", path, "--without", ids.join(), "--disk", disk, "--json"],
      );
      assertEquals(status, 0, stderr);
      const { outcome, control } = JSON.parse(stdout);
      return [outcome, control.from > 0];
    };
    assertEquals(await judge(idsOf(false)), ["not necessary", true]);
    assertEquals(await judge(idsOf(true)), ["necessary", true]);
  });
});
