/** A run that somebody ends from outside: its recording is whole, and says who. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { hindsight, startHindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

for (const [signal, status] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
  Deno.test(`record ends in good order on ${signal}`, async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "it.hsr");
      // The guest runs for some seconds, since it must walk its page tables all the time.
      const machine = ["--guest", "pocket", "--tlb-flush-every", "100"];
      const child = startHindsight(["record", ...machine, "-o", path], { stderr: "piped" });
      const printed = child.stdout.getReader();
      await printed.read(); // it runs
      child.kill(signal);
      printed.releaseLock();
      const { code, stderr } = await child.output();
      assertEquals([code, new TextDecoder().decode(stderr)], [status, ""]);
      const facts = JSON.parse((await hindsight(["info", path, "--json"])).stdout);
      assertEquals([facts.end, facts.isCut], [{ reason: "signal", signal }, false]);
      assert(facts.cycles > 0 && facts.instructions > 0);
      const verified = await hindsight(["verify", path]);
      assertEquals([verified.status, verified.stderr], [0, ""]);
      assert(verified.stdout.startsWith(`verified to cycle ${facts.cycles}: `), verified.stdout);
    });
  });
}
