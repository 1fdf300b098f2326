/** The main job: real Debian crashes, run backward in the real gdb, with the kernel's own names. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { hindsight } from "../../command/cli.ts";
import { preparedGuest } from "../../guests/debian/prepared.ts";
import { runPeer } from "../../peer.ts";
import { processorMsOf } from "../../processor.ts";
import { GdbSession, hasGdb, section } from "./real_gdb.ts";

const MAIN = fromFileUrl(new URL("../../../main.ts", import.meta.url));

/** Records a crash of Debian. */
async function crash(folder: string, command: string, flags: readonly string[]): Promise<string> {
  const file = `${folder}/crash.hsr`;
  const run = ["--guest", "debian", ...flags, "--run", command, "-o", file];
  const { status, stdout, stderr } = await hindsight(["record", ...run]);
  assertEquals(status, 1, stderr);
  assertMatch(stdout, /Kernel panic - not syncing: sysrq triggered crash/);
  return file;
}

/** Serves the recording while `use` talks to it. */
async function debugged(
  file: string,
  use: (address: string, pid: number) => Promise<void>,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "debug", file, "--gdb", "127.0.0.1:0"],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value = "" } = await lines.read();
    await use(/^listening on (\S+) for gdb$/m.exec(value)![1], child.pid);
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
  const output = await gdb(address, names.map((name) => `monitor symbol ${name.split(" ")[0]}`));
  return names.map((name) => {
    const [, found] = new RegExp(`(0x[0-9a-f]{16}) <${name}>`).exec(output) ?? [];
    if (found === undefined) throw new Error(`no ${name} in: ${output}`);
    return found;
  });
}

Deno.test("a Debian crash in gdb: steps, breakpoints and watchpoints, forward and backward", async () => {
  if (!await hasGdb() || await preparedGuest() === undefined) return;
  const folder = await Deno.makeTempDir();
  const file = await crash(folder, "echo c > /proc/sysrq-trigger", []);
  await debugged(file, async (address) => {
    // The recording ends in the firmware, which translates nothing; its kernel can be read all the same.
    const [panic, panicCpu, queue] = await addresses(address, [
      ...["panic", "panic_cpu", "virtio_queue_rq \\[virtio_blk\\]"],
    ]);
    const dump = ["info registers", "p/x $mstatus", "p/x $satp"];
    assertMatch(await gdb(address, [`x/i ${queue}`]), new RegExp(`${queue}:\\t\\w+`));
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

/** Something for every hart to do, and then the crash. */
const BUSY =
  "for i in 1 2 3 4 5 6; do (cat /proc/*/stat; ls -lR /proc/sys) >/dev/null 2>&1 & done; " +
  "wait; echo c > /proc/sysrq-trigger";

Deno.test("a Debian crash of four harts in gdb: threads, their steps and breakpoints, Ctrl-C", async () => {
  if (!await hasGdb() || await preparedGuest() === undefined) return;
  const folder = await Deno.makeTempDir();
  await debugged(await crash(folder, BUSY, ["--harts", "4"]), async (address, pid) => {
    const [read] = await addresses(address, ["vfs_read"]);
    const show = 'printf "at %lu %d %d\\n", $cycle, $_thread, $mhartid';
    const output = await gdb(address, [
      ...["info threads"],
      ...[1, 2, 3, 4].flatMap((thread) => [
        ...[`thread ${thread}`, `echo [hart${thread}]\\n`, "p/x $pc", "info registers"],
        ...["reverse-stepi 20", show, "echo [away]\\n", "p/x $pc", "stepi 20"],
        ...[`echo [again${thread}]\\n`, "p/x $pc", "info registers"],
      ]),
      ...[`break *${read}`, "echo [all]\\n"],
      ...Array(12).fill(["reverse-continue", show]).flat(),
      ...["echo [forward]\\n", ...Array(11).fill(["continue", show]).flat()],
    ]);
    assertMatch(output, /Thread 1 \(hart 0\)[^]*Thread 4 \(hart 3\)/);
    for (const thread of [1, 2, 3, 4]) {
      const there = section(output, `hart${thread}`);
      assertMatch(there, new RegExp(`^at \\d+ ${thread} ${thread - 1}$`, "m"), output);
      // Not the position: a hart that waited has its last step behind it earlier.
      const registers = (name: string) =>
        section(output, name).split("\n").filter((line) => /^(?!cycle)\w+ +0x/.test(line));
      assertEquals(registers(`again${thread}`), registers(`hart${thread}`));
      assertEquals(registers(`hart${thread}`).length, 32, there);
    }
    const stops = (name: string) => section(output, name).match(/^at .*$/gm) ?? [];
    assertEquals(stops("all").length, 12);
    assertEquals(stops("forward"), stops("all").slice(0, -1).reverse(), output);
    assert(new Set(stops("all").map((stop) => stop.split(" ")[2])).size > 1, "one hart only");
    // Of one hart alone, from the same place back.
    const [, , thread] = stops("all").at(-1)!.split(" ");
    const own = stops("all").filter((stop) => stop.split(" ")[2] === thread);
    const alone = await gdb(address, [
      ...["monitor goto end", "continue", `break *${read} thread ${thread}`, "echo [one]\\n"],
      ...Array(own.length).fill(["reverse-continue", show]).flat(),
    ]);
    assertEquals(section(alone, "one").match(/^at .*$/gm), own, alone);
    const tookMs = await interrupts(address, pid);
    assert(tookMs < 500, `${tookMs} ms`);
  });
  await Deno.remove(folder, { recursive: true });
});

/** Ctrl-C in the middle of a reverse-continue over all of it. @returns the milliseconds that the server `pid` worked until gdb stopped */
async function interrupts(address: string, pid: number): Promise<number> {
  const session = new GdbSession(["-ex", "set pagination off", "-ex", `target remote ${address}`]);
  await session.say("monitor goto end", /happens at the next resume/);
  await session.say("continue", /stopped\./);
  await session.say("break *0x10", /Breakpoint 1/);
  await session.say("reverse-continue", /Continuing/);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const from = processorMsOf(pid);
  await session.interrupt(/received signal SIGINT/);
  const tookMs = processorMsOf(pid) - from;
  await session.say("monitor where", /cycle \d+, hart/);
  await session.close();
  return tookMs;
}
