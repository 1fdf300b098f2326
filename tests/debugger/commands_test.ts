import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { COMPILED_INSTRUCTIONS_MAX } from "../../core/hart/jit/jit.ts";
import type { MachineOptions } from "../../core/machine.ts";
import { runLine } from "../../debugger/command.ts";
import { COMMANDS } from "../../debugger/commands/list.ts";
import { CommandError, Debugger } from "../../debugger/debugger.ts";
import { elfSymbols } from "../../debugger/symbols/elf_symbols.ts";
import { imageUrl } from "../../guests/images.ts";
import { SimpleCursor } from "./simple_cursor.ts";

async function pocket(engine?: MachineOptions["engine"]) {
  const cursor = await SimpleCursor.boot("pocket", 1, Infinity, engine);
  const symbols = elfSymbols(Deno.readFileSync(imageUrl("pocket")));
  const events = [{ cycle: 100, id: "m/uart0#0", kind: "input", input: { kind: "console" } }];
  const debug = new Debugger({ cursor, symbols, events });
  return { debug, cursor, run: (line: string) => runLine(COMMANDS, debug, line) };
}

Deno.test("the list of commands is the folder", () => {
  const folder = new URL("../../debugger/commands/", import.meta.url);
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name !== "list.ts"
  );
  const expected = COMMANDS.map(({ name }) => `${name.replaceAll("-", "_")}.ts`);
  assertEquals(files.sort(), expected.sort());
  for (const { summary } of COMMANDS) assertMatch(summary, /^[^.]{10,100}$/);
});

Deno.test("goto, step and reverse-step move and tell where", async () => {
  const { run, cursor } = await pocket();
  assertMatch((await run("goto end")).text, /^cycle \d+, hart 0 at 0x[0-9a-f]+ <finish\+0x/);
  await run("goto 1000000");
  const { data } = await run("where");
  await run("reverse-step 10");
  assert(cursor.cycle <= 1_000_000 - 10);
  await run("step count=10");
  assertEquals((await run("where")).data.pc, data.pc);
  assertEquals((await run("checkpoint")).data.cycle, cursor.cycle);
  const { cycle } = cursor;
  await run("goto start");
  assertEquals(cursor.cycle, 0);
  await run("goto #1");
  assertEquals(cursor.cycle, cycle);
});

Deno.test("watch and reverse-continue name the writer", async () => {
  const { run, debug } = await pocket();
  await run("goto end");
  const pointer = debug.address("ledger");
  const bytes = (await run(`memory 0x${pointer.toString(16)} 8`)).data.bytes as string;
  const ledger = bytes.match(/../g)!.reverse().join("");
  assertMatch((await run(`watch 0x${ledger}`)).text, /^watchpoint 1: write of 8 bytes/);
  await run("reverse-continue");
  const why = await run("why-stopped");
  assertMatch(why.text, /<note_alarm\+0x[0-9a-f]+>: c\.sd a0,0\(a5\)\nwatchpoint 1: hart 0: write/);
  assertMatch((await run("breakpoints")).text, /hit 1 times/);
  await run("delete 1");
  assertMatch((await run("continue")).text, /last cycle/);
  await run("reverse-until note_alarm");
  assertMatch((await run("where")).text, /<note_alarm>/);
});

Deno.test("a branch changes the guest, and return comes back", async () => {
  const { run, cursor } = await pocket();
  await run("goto 200000000");
  const { digest } = (await run("digest")).data;
  assertMatch((await run("set-register x10 0x42")).text, /x10 = 0x42/);
  await run("set-memory ledger 0102");
  assertMatch((await run("where")).text, /on a branch that left the recording at 200000000/);
  assertEquals((await run("memory ledger 2")).data.bytes, "0102");
  await run("return");
  assertEquals(cursor.branch, undefined);
  assertEquals((await run("digest")).data.digest, digest);
  await assertRejects(() => run("return"), CommandError, "not a branch");
});

Deno.test("commands refuse what makes no sense, in one line", async () => {
  const { run } = await pocket();
  const cases: [line: string, message: string][] = [
    ["nonsense", "Unknown command"],
    ["re", "is ambiguous: reverse-step"],
    ["goto", "goto CYCLE"],
    ["goto -1", "goto CYCLE"],
    ["goto 1 2", "Too many arguments"],
    ["goto 99999999999999", "outside"],
    ["goto #7", "no checkpoint #7"],
    ["memory nowhere", "neither an address nor a known symbol"],
    ["memory 0x10 8", "Cannot read"],
    ["memory 0x80000000 99999999", "length"],
    ["registers nope", "nope"],
    ["registers pc 5", "no hart 5"],
    ["memory $nope", "nope"],
    ["delete 9", "number 9"],
    ["set-memory 0x80000000 0", "bytes"],
    ["set-register x1 no", "64 bits"],
    ["physical maybe", "state"],
  ];
  for (const [line, message] of cases) {
    const error = await assertRejects(() => run(line), CommandError, message);
    assert(!error.message.includes("\n"), error.message);
  }
});

Deno.test("engine tells what each tier ran, and what is compiled", async () => {
  for (const jitThreshold of [0, 64]) {
    const { cursor, run } = await pocket({ jitThreshold });
    const { text, data } = await run("engine");
    const { tier0, tier1, compiled } = data as Record<string, Record<string, number>>;
    // Traps and interrupts take cycles too, and it has some hundreds of them; it idles otherwise.
    const retired = Number(cursor.readRegister(0, "minstret"));
    assert(retired < cursor.cycle);
    const others = tier0.cycles + tier1.cycles - retired;
    assert(others > 0 && others < 1000, `${others} cycles retired nothing`);
    assertEquals(compiled.instructionsMax, COMPILED_INSTRUCTIONS_MAX);
    assertMatch(text, new RegExp(`^tier 0 +${tier0.cycles} cycles.*\\ntier 1 +${tier1.cycles} `));
    if (jitThreshold === 0) {
      assertEquals([tier1.cycles, tier1.calls, compiled.pages, data.modules], [0, 0, 0, 0]);
      continue;
    }
    assert(tier1.cycles > tier0.cycles && tier0.cycles > 0);
    assert(tier1.calls > 0 && compiled.pages > 0 && (data.wasmBytes as number) > 0);
    assert(compiled.instructions >= compiled.regions && compiled.regions >= compiled.pages);
  }
});

Deno.test("engine counts what was run to come to a position, again if it was run again", async () => {
  // It never idles: something acts in every cycle.
  const cursor = await SimpleCursor.boot("race", 1, Infinity, { jitThreshold: 64 });
  const debug = new Debugger({ cursor, symbols: elfSymbols(Deno.readFileSync(imageUrl("race"))) });
  const ran = async () => {
    const { data } = await runLine(COMMANDS, debug, "engine");
    const { tier0, tier1 } = data as Record<string, { cycles: number }>;
    return tier0.cycles + tier1.cycles;
  };
  assertEquals(await ran(), cursor.end);
  const digest = cursor.digest();
  // This cursor always begins at a copy, here that of cycle 0.
  await cursor.seek(1_234_567);
  assertEquals(await ran(), cursor.end + 1_234_567);
  await cursor.seek(cursor.end);
  assertEquals(await ran(), cursor.end + 1_234_567 + cursor.end);
  assertEquals(cursor.digest(), digest);
});

Deno.test("registers, harts, disassemble, symbol, events and help answer with data", async () => {
  const { run } = await pocket();
  await run("goto 1000000");
  const { registers } = (await run("registers")).data as { registers: Record<string, string> };
  assertMatch(registers.pc, /^0x[0-9a-f]+$/);
  assert(["x31", "f31", "mstatus", "cycle", "priv"].every((name) => name in registers));
  assertEquals((await run("registers sp")).data.registers, { x2: registers.x2 });
  assertEquals(((await run("harts")).data.harts as unknown[]).length, 1);
  assertMatch((await run("disassemble main 3")).text, /<main>: c\.addi/);
  assertMatch((await run("symbol main+2")).text, /<main\+0x2>/);
  assertEquals((await run("memory $sp 0")).data.address, registers.x2);
  assertEquals((await run("events 0")).text, "100  m/uart0#0  console");
  assertEquals(((await run("help")).data.commands as unknown[]).length, COMMANDS.length);
  await run("physical on");
  assertMatch((await run("physical")).text, /physical/);
});
