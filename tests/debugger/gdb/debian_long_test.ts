/** The main job: a real Debian crash, run backward in the real gdb, with the kernel's own names. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { hindsight } from "../../command/cli.ts";
import { preparedGuest } from "../../guests/debian/prepared.ts";
import { runPeer } from "../../peer.ts";
import { hasGdb, section } from "./real_gdb.ts";

const MAIN = fromFileUrl(new URL("../../../main.ts", import.meta.url));

/** Serves the recording while `use` talks to it. */
async function debugged(file: string, use: (address: string) => Promise<void>): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "debug", file, "--gdb", "127.0.0.1:0"],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value = "" } = await lines.read();
    await use(/^listening on (\S+) for gdb$/m.exec(value)![1]);
  } finally {
    child.kill("SIGTERM");
    await lines.cancel();
    await child.status;
  }
}

async function gdb(address: string, commands: readonly string[]): Promise<string> {
  const script = ["set pagination off", "set width 0", `target remote ${address}`, ...commands];
  const args = ["-nx", "-batch", ...script.flatMap((line) => ["-ex", line])];
  const { stdout, stderr } = await runPeer("gdb-multiarch", args);
  return stdout + stderr;
}

/** What gdb's monitor command `symbol` says of a name. */
async function addresses(address: string, names: readonly string[]): Promise<string[]> {
  const output = await gdb(address, names.map((name) => `monitor symbol ${name}`));
  return names.map((name) => new RegExp(`(0x[0-9a-f]{16}) <${name}\\b`).exec(output)![1]);
}

Deno.test("a Debian crash in gdb: steps, breakpoints and watchpoints, forward and backward", async () => {
  if (!await hasGdb() || await preparedGuest() === undefined) return;
  const folder = await Deno.makeTempDir();
  const file = `${folder}/crash.hsr`;
  const run = ["--guest", "debian", "--run", "echo c > /proc/sysrq-trigger", "-o", file];
  const recorded = await hindsight(["record", ...run]);
  assertEquals(recorded.status, 1, recorded.stderr);
  assertMatch(recorded.stdout, /Kernel panic - not syncing: sysrq triggered crash/);
  await debugged(file, async (address) => {
    const [panic, panicCpu] = await addresses(address, ["panic", "panic_cpu"]);
    const dump = ["info registers", "p/x $mstatus", "p/x $satp"];
    const output = await gdb(address, [
      ...["echo [end]\\n", ...dump, "x/8i $pc"],
      ...["reverse-stepi 200", "echo [before]\\n", ...dump, "echo [steps]\\n"],
      ...[...Array(100).fill("reverse-stepi"), ...Array(100).fill("stepi")],
      ...["echo [after]\\n", ...dump, `break *${panic}`, "echo [panic]\\n", "reverse-continue"],
      ...["monitor where", "x/2i $pc", "delete", `watch *(int *)${panicCpu}`],
      ...["echo [forward]\\n", "continue", "echo [writer]\\n", "reverse-continue", "monitor where"],
      ...["monitor why-stopped", "delete", "continue", "echo [again]\\n", ...dump, "x/8i $pc"],
    ]);
    const lines = (name: string, count: number) =>
      section(output, name).replaceAll(/^\$\d+ = /gm, "").split("\n").slice(0, count);
    const registers = 33 + 2;
    assert(lines("end", 99).length >= registers + 8, output);
    assertEquals(lines("after", registers), lines("before", registers));
    assertEquals(lines("again", registers + 8), lines("end", registers + 8));
    assertMatch(section(output, "panic"), new RegExp(`Breakpoint 1, ${panic} in `));
    assertMatch(output, /cycle \d+, hart 0 at 0x[0-9a-f]+ <panic>/);
    assertMatch(
      section(output, "forward"),
      /Hardware watchpoint 2[^]*Old value = -1[^]*New value = 0/,
    );
    assertMatch(
      section(output, "writer"),
      /Hardware watchpoint 2[^]*Old value = 0[^]*New value = -1/,
    );
    assertMatch(output, /hart 0: write of 4 bytes at 0x[0-9a-f]+ <panic_cpu>/);
    assert(/<v?panic\+0x[0-9a-f]+>: (sc|amo)/.test(output), output);
  });
  await Deno.remove(folder, { recursive: true });
});
