/** `hindsight debug` as a user sees it: both faces at once on one recording, each with its own cursor. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { hasPeer, runPeer } from "../peer.ts";
import { hindsight } from "./cli.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

/** Serves a recording of pocket while `use` talks to it. @param use gets what was printed */
async function served(
  flags: readonly string[],
  use: (printed: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/pocket.hsr`;
  assertEquals((await hindsight(["record", "--guest", "pocket", "-o", file])).status, 1);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "debug", file, ...flags],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const faces = flags.filter((flag) => flag === "--gdb" || flag === "--http").length;
  let printed = "";
  while (printed.split("\n").length <= faces) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`debug ended: ${printed}`);
    printed += value;
  }
  await use(printed);
  child.kill("SIGTERM");
  await lines.cancel();
  const { code, signal } = await child.status;
  assert(code === 0, `${code} ${signal}`);
  await Deno.remove(folder, { recursive: true });
}

Deno.test("the README's session in gdb goes as it says", async () => {
  if (!await hasPeer("gdb-multiarch", "gdb-multiarch")) return;
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const [, session] = /^```gdb\n([^]*?)^```$/m.exec(readme)!;
  const said = session.split("\n").filter((line) => /^[^#]/.test(line));
  assert(said.length > 10, `${said.length} lines`);
  await served(["--gdb", "127.0.0.1:0", "--memory-budget", "1G"], async (printed) => {
    const [, address] = /^listening on (\S+) for gdb$/m.exec(printed)!;
    const script = said.map((line) =>
      line.replace(/^target remote .*/, `target remote ${address}`)
    );
    const elf = fromFileUrl(imageUrl("pocket"));
    const args = ["-nx", "-batch", elf, "-ex", "set pagination off", "-ex", "set width 0"];
    // gdb goes on after a line that fails, and says so by its status only for the last one.
    const { stdout, stderr } = await runPeer("gdb-multiarch", [
      ...args,
      ...script.flatMap((line, index) => ["-ex", `echo [${index}]\\n`, "-ex", line]),
    ]);
    const after = (line: string) => {
      const index = said.findIndex((one) => one.startsWith(line));
      return stdout.split(`[${index}]\n`)[1].split(/^\[\d+\]$/m)[0];
    };
    assertMatch(after("info symbol"), /^finish/);
    assertMatch(after("reverse-continue"), /Hardware watchpoint 1[^]* in note_alarm/);
    assertMatch(after("x/i"), /=> 0x[0-9a-f]+ <note_alarm\+\d+>:\tsd\ta0,0\(a5\)/);
    assertMatch(after("reverse-finish"), / in sampler_run/);
    assertMatch(after("stepi"), /stopped\./);
    assertMatch(after("print $cycle"), /= 100000000$/m);
    assertMatch(after("continue"), /stopped\./);
    assertMatch(stderr, /^hart 0: write of 8 bytes at 0x[0-9a-f]+/m);
    for (
      const wrong of [/Undefined/, /No symbol/, /Cannot/, /Unknown/, /not (supported|allowed)/]
    ) {
      assert(!wrong.test(stdout + stderr), stdout + stderr);
    }
  });
});

Deno.test("debug serves gdb and HTTP at once, and ends on SIGTERM", async () => {
  if (!await hasPeer("gdb-multiarch", "gdb-multiarch")) return;
  await served(["--gdb", "127.0.0.1:0", "--http", "127.0.0.1:0"], async (printed) => {
    const [, gdb] = /^listening on (\S+) for gdb$/m.exec(printed)!;
    const [, http, token] = /^listening on (\S+) for HTTP, token (\w+)$/m.exec(printed)!;
    const get = async (path: string) =>
      await (await fetch(`http://${http}${path}`, {
        headers: { authorization: `Bearer ${token}` },
      }))
        .json();
    const { cycle, end, symbol } = await get("/where");
    assertEquals(cycle, end);
    assertMatch(symbol, /^finish/);
    const { stdout } = await runPeer("gdb-multiarch", [
      ...["-nx", "-batch", "-ex", `file ${fromFileUrl(imageUrl("pocket"))}`],
      ...["-ex", `target remote ${gdb}`, "-ex", "watch *(long *)*(long *)&ledger"],
      ...["-ex", "reverse-continue", "-ex", "x/i $pc", "-ex", "p $cycle"],
      ...["-ex", "monitor why-stopped"],
    ]);
    assertMatch(stdout, /<note_alarm\+\d+>:\tsd\ta0,0\(a5\)/);
    const writer = Number(/^\$1 = (\d+)$/m.exec(stdout)![1]);
    // gdb has moved, the HTTP client's position has not.
    assertEquals((await get("/where")).cycle, end);
    // A third machine, for what is read at another cycle.
    const { registers } = await get(`/registers?at=${writer}`);
    assertStringIncludes(stdout, registers.pc.slice(2));
  });
});

Deno.test("debug says what is wrong with its flags", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/empty.hsr`;
  await hindsight(["record", "--bios", fromFileUrl(imageUrl("empty")), "-o", file]);
  const cases: [args: string[], message: string][] = [
    [[], "which recording"],
    [[file], "needs --gdb"],
    [[file, "--gdb", "nonsense"], "write HOST:PORT"],
    [[file, "--gdb", "127.0.0.1:0", "--at", "999999999999"], "a cycle from 0 to"],
    [[file, "--http", "0.0.0.0:0"], "not a loopback address"],
    [[file, "--gdb", "127.0.0.1:0", "--memory-budget", "1.5G"], "a size is needed"],
    [[file, "--gdb", "127.0.0.1:0", "--memory-budget", "0M"], "a size is needed"],
    [[`${folder}/missing.hsr`, "--gdb", "127.0.0.1:0"], "no such file"],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await hindsight(["debug", ...args]);
    assertEquals(status, 2, stderr);
    assertStringIncludes(stderr, message);
  }
  await Deno.remove(folder, { recursive: true });
});
