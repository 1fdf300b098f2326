/** `hindsight triage` of Debian: a crash that was asked for, a process that a signal ends, a disk that fails. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";
import { diskFile, inFolder } from "./recordings.ts";

async function triage(flags: readonly string[], ...more: readonly string[]) {
  const path = flags.at(-1)!;
  assertEquals((await hindsight(["record", "--guest", "debian", ...flags])).status, 1);
  const started = performance.now();
  const { stdout, stderr, status } = await hindsight(["triage", path, "--json", ...more]);
  console.log(`triage took ${Math.round(performance.now() - started)} ms`);
  assertEquals([status, stderr], [0, ""]);
  return JSON.parse(stdout);
}

Deno.test("a crash by sysrq is the guest's, with the way that led there", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const path = join(folder, "crash.hsr");
    const run = ["--run", "echo c > /proc/sysrq-trigger", "-o", path];
    const { failures, verdicts } = await triage(run);
    assertEquals(
      failures.map(({ kind, message }: { kind: string; message: string }) => [
        kind,
        message,
      ]),
      [["panic", "sysrq triggered crash"]],
    );
    const [{ side, responsibility, grade, chain }] = verdicts;
    assertEquals([side, responsibility, grade], ["guest", "guest", "B"]);
    assertMatch(chain[0].what, /sysrq_handle_crash.* < __handle_sysrq.* < write_sysrq_trigger/);
    // Nothing that Debian does is against a device's rules.
    const breaches = await hindsight(["events", path, "--kind", "breach", "--json"]);
    assertEquals(JSON.parse(breaches.stdout), []);
  });
});

Deno.test("a process that a signal ends, and the status that it leaves, are one failure", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const run = ["--run", "sh -c 'kill -SEGV $$'", "-o", join(folder, "it.hsr")];
    const { failures, verdicts } = await triage(run);
    assertEquals(failures.map(({ kind }: { kind: string }) => kind), ["program-killed"]);
    assertEquals([verdicts[0].side, verdicts[0].chain.at(-1).what], [
      "guest",
      "the guest failed with code 139: SIGSEGV",
    ]);
  });
});

Deno.test("a command that a disk's error makes fail is the host's", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const [disk, plan] = [await diskFile(folder), join(folder, "plan.json")];
    const faults = { disk: [{ disk: "disk0", fault: "read-error", sectors: [64, 71] }] };
    await Deno.writeTextFile(plan, JSON.stringify(faults));
    const run = ["--run", "dd if=/dev/vda of=/dev/null bs=4096", "-o", join(folder, "it.hsr")];
    const { verdicts } = await triage(["--disk", disk, "--faults", plan, ...run], "--disk", disk);
    const [{ side, responsibility, response, grade, counterfactual }] = verdicts;
    assertEquals([side, responsibility, response, grade], ["host", "host", "degraded", "A"]);
    assertEquals(counterfactual.outcome, "necessary");
    assert(verdicts.slice(1).every((it: { response: string }) => it.response === "tolerated"));
  });
});
