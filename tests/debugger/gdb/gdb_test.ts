import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../../debugger/commands/list.ts";
import { Debugger } from "../../../debugger/debugger.ts";
import { eventLoopTurns } from "../../../debugger/deno/event_loop.ts";
import { GdbListener } from "../../../debugger/deno/gdb_listener.ts";
import { SymbolTable } from "../../../debugger/symbols/symbols.ts";
import { processorMs } from "../../processor.ts";
import { record, timelineOf } from "../../replay/recordings.ts";
import { SimpleCursor } from "../simple_cursor.ts";
import { gdb, GdbSession, hasGdb, section } from "./real_gdb.ts";

const OLDEST = "*(long *)*(long *)&ledger";
const DUMP = ["info registers", "p/x $sstatus", "p/x $mcause", "p/x $satp", "p $fa0", "p $cycle"];

async function pocketAtItsEnd(): Promise<SimpleCursor> {
  const cursor = await SimpleCursor.boot("pocket");
  await cursor.seek(cursor.end);
  return cursor;
}

Deno.test("gdb reads registers, code and threads", async () => {
  if (!await hasGdb()) return;
  const cursor = await pocketAtItsEnd();
  const output = await gdb(cursor, "pocket", [
    ...["echo [registers]\\n", "info registers", "p $cycle", "p $fcsr"],
    ...["echo [code]\\n", "x/8i $pc", "echo [threads]\\n", "info threads"],
    ...["echo [memory]\\n", "x/2wx 0x80000000", "x/x 0x70000000"],
    ...["echo [where]\\n", "monitor where"],
  ]);
  const registers = section(output, "registers");
  assertMatch(registers, /^ra +0x[0-9a-f]+\t0x[0-9a-f]+ <\w+>$/m);
  assertMatch(registers, /^pc +0x[0-9a-f]+\t0x[0-9a-f]+ <finish\+\d+>$/m);
  assertStringIncludes(registers, `$1 = ${cursor.end}`);
  assertEquals(section(output, "code").match(/<\w+(\+\d+)?>:\t/g)?.length, 8);
  assertMatch(section(output, "threads"), /^\* 1 +Thread 1 \(hart 0\).* in finish \(\)$/m);
  assertMatch(section(output, "memory"), /^0x80000000 <\w+>:\t0x[0-9a-f]{8}\t0x[0-9a-f]{8}$/m);
  assertStringIncludes(output, "Cannot access memory at address 0x70000000");
  assertMatch(output, /cycle \d+, hart 0 at 0x[0-9a-f]+ <finish\+0x[0-9a-f]+>: \w+/);
});

Deno.test("gdb: 100 × reverse-stepi, then 100 × stepi, give the same registers", async () => {
  if (!await hasGdb()) return;
  const output = await gdb(await pocketAtItsEnd(), "pocket", [
    // Away from the end, where a step could not be taken back by one.
    ...["reverse-stepi 500", "echo [before]\\n", ...DUMP],
    ...[...Array(100).fill("reverse-stepi"), "echo [there]\\n", ...DUMP],
    ...[...Array(100).fill("stepi"), "echo [after]\\n", ...DUMP, "echo [end]\\n"],
  ]);
  const values = (name: string) => section(output, name).replaceAll(/^\$\d+ = /gm, "");
  const lines = (name: string) => values(name).split("\n").slice(0, 33 + 5);
  assertEquals(lines("before").length, 38, output);
  assertEquals(lines("after"), lines("before"));
  assert(values("there") !== values("before"), "nothing moved");
});

Deno.test("gdb finds who corrupted ledger->oldest, backward", async () => {
  if (!await hasGdb()) return;
  const cursor = await pocketAtItsEnd();
  const output = await gdb(cursor, "pocket", [
    `print/x ${OLDEST}`,
    `watch ${OLDEST}`,
    ...["echo [writer]\\n", "reverse-continue", "p $cycle", "x/i $pc", "p $a5 == *(long *)&ledger"],
    ...["echo [why]\\n", "monitor why-stopped"],
    ...["echo [forward]\\n", "continue", "p $cycle", "delete"],
    ...["echo [call]\\n", "reverse-finish", "x/i $pc"],
    ...["echo [first]\\n", `watch ${OLDEST}`, "reverse-continue", "bt 1", "reverse-continue"],
    ...["echo [ends]\\n", "delete", "reverse-continue", "continue", "p $cycle"],
  ]);
  const writer = section(output, "writer");
  assertMatch(writer, /Hardware watchpoint 1[^]*note_alarm \(\)/);
  assertMatch(writer, /=> 0x[0-9a-f]+ <note_alarm\+\d+>:\tsd\ta0,0\(a5\)/);
  assertMatch(writer, /\$\d+ = 1$/m);
  assertMatch(output, /^hart 0: write of 8 bytes at 0x[0-9a-f]+ /m);
  const forward = section(output, "forward");
  assertMatch(forward, /Old value = \d+[^]*note_alarm \(\)/);
  const [before, after] = [writer, forward].map((text) =>
    Number(/^\$\d+ = (\d{6,})$/m.exec(text)![1])
  );
  assertEquals(after, before + 1);
  assertMatch(section(output, "call"), /<\w+\+\d+>:\tjalr?\t/);
  // The write before that one is the ledger's own.
  assertMatch(section(output, "first"), /in (post|ledger_run|ledger_init|memset) \(\)/);
  const ends = section(output, "ends");
  assertEquals(ends.match(/No more reverse-execution history/g)?.length, 2, ends);
  assertStringIncludes(ends, `= ${cursor.end}`);
});

Deno.test("gdb: conditions, reverse-next, reverse-step and temporary breakpoints", async () => {
  if (!await hasGdb()) return;
  const alarms = "*(long *)((char *)&sampler + 280)";
  const output = await gdb(await pocketAtItsEnd(), "pocket", [
    `break *note_alarm if ${alarms} == 10`,
    ...["echo [condition]\\n", "reverse-continue", `p ${alarms}`, "p $cycle"],
    ...["echo [caller]\\n", "delete", "reverse-next", "x/i $pc", "reverse-step", "x/i $pc"],
    ...["echo [again]\\n", "thbreak *note_alarm", "continue", `p ${alarms}`],
    ...["continue", "echo [monitor]\\n"],
    ...["monitor break note_alarm", "monitor breakpoints", "monitor reverse-continue", "stepi"],
    ...["monitor nonsense", "monitor engine", "monitor disassemble note_alarm 3"],
  ]);
  assertMatch(section(output, "condition"), /Breakpoint 1, 0x[0-9a-f]+ in note_alarm \(\)/);
  assertMatch(section(output, "condition"), /= 10$/m);
  assertMatch(section(output, "caller"), /0x[0-9a-f]+/);
  assertMatch(section(output, "again"), /Temporary breakpoint \d+, [^]*= 10$/m);
  assertMatch(output, /breakpoint \d+ at 0x[0-9a-f]+ <note_alarm>/);
  assertMatch(output, /stopped at a breakpoint on hart 0/);
  assertStringIncludes(output, 'Unknown command "nonsense"; "help" lists them');
  assertMatch(output, /^tier 0 +[1-9]\d* cycles .*\ntier 1 +[1-9]\d* cycles /m);
  assertMatch(output, /<note_alarm>: c\.addi/);
});

Deno.test("gdb: what monitor moves, it sees: registers, memory and frame", async () => {
  if (!await hasGdb()) return;
  const cursor = await pocketAtItsEnd();
  const stale = ["p $cycle", "p/x $pc", "x/gx $sp", "p/x $sp"];
  const output = await gdb(cursor, "pocket", [
    // A step over the breakpoint at the pc, which `continue` makes by itself, must end there too.
    ...["break note_alarm", "reverse-continue", "echo [armed]\n", "monitor goto 100000000"],
    ...["echo [moved]\n", "continue", ...stale],
    ...["echo [back]\n", "monitor goto 5000", "monitor reverse-step 3", "reverse-continue"],
    ...["p $cycle", "echo [trap]\n", "monitor goto 99999999999", "stepi", "p $cycle"],
    ...["echo [bad]\n", "monitor goto nowhere", "monitor goto", "stepi", "p $cycle"],
  ]);
  assertStringIncludes(output, "goto 100000000: happens at the next resume");
  const moved = section(output, "moved");
  assertMatch(output, /cycle 100000000, hart 0 at 0x[0-9a-f]+ <\w+\+?/);
  assertMatch(moved, /stopped\.\n0x[0-9a-f]+ in \w+ \(\)/);
  await cursor.seek(100_000_000);
  const [cycle, pc, sp] = [...moved.matchAll(/^\$\d+ = (\S+)$/gm)].map(([, value]) => value);
  assertEquals(cycle, "100000000");
  assertEquals(BigInt(pc), cursor.readRegister(0, "pc"));
  assertEquals(BigInt(sp), cursor.readRegister(0, "x2"));
  const word = cursor.readMemory(Number(BigInt(sp)), 8)!;
  const memory = new DataView(word.buffer).getBigUint64(0, true);
  assertEquals(BigInt(/<?\S*>?:\t(0x[0-9a-f]+)/.exec(moved)![1]), memory);
  assertStringIncludes(output, "goto 5000 is forgotten");
  for (let i = 0; i < 3; i++) await cursor.reverseStep(0);
  const back = `= ${cursor.cycle}\n`;
  assertStringIncludes(`${section(output, "back")}\n`, back);
  assertStringIncludes(`${section(output, "trap")}\n`, back);
  assertMatch(output, /Cycle 99999999999 is outside 0 to \d+/);
  // What does not fit arms nothing: the step is a step.
  await cursor.step(0);
  assertStringIncludes(`${section(output, "bad")}\n`, `= ${cursor.cycle}\n`);
  assertMatch(output, /cycle: a cycle, start, end or #N is needed; goto CYCLE/);
});

Deno.test("gdb writes on a branch, and monitor return comes back", async () => {
  if (!await hasGdb()) return;
  const cursor = await pocketAtItsEnd();
  await cursor.seek(100_000_000);
  const digest = cursor.digest();
  const output = await gdb(cursor, "pocket", [
    ...["set var *(long *)&ledger = 0x1234", "p/x *(long *)&ledger", "p $a0 = 0x77", "p/x $a0"],
    ...["monitor where", "monitor return", "continue", "p $cycle"],
  ]);
  assertStringIncludes(output, "\n$4 = 100000000\n");
  assertMatch(output, /= 0x1234$/m);
  assertMatch(output, /= 0x77$/m);
  assertStringIncludes(output, "on a branch that left the recording at 100000000");
  assertEquals(cursor.branch, undefined);
  assertEquals(cursor.digest(), digest);
});

Deno.test("gdb calls a function of the guest, on a branch", async () => {
  if (!await hasGdb()) return;
  const cursor = await SimpleCursor.boot("sort", 1, 3_000_000);
  await cursor.seek(2_000_000);
  const equal = "((int (*)(void *, void *, long)) memcmp)";
  const output = await gdb(cursor, "sort", [
    ...["echo [before]\\n", "info registers", "echo [call]\\n"],
    ...[`p ${equal}($sp, $sp, 64)`, `p ${equal}($sp, $pc, 64) != 0`],
    ...["echo [after]\\n", "info registers", "monitor where", "monitor return", "stepi"],
    "p $cycle",
  ]);
  assertMatch(section(output, "call"), /^\$1 = 0\n\$2 = 1$/);
  const registers = (name: string) =>
    section(output, name).split("\n").filter((line) => /^(?!cycle)\w+ +0x/.test(line));
  assertEquals(registers("after"), registers("before"));
  assertEquals(registers("after").length, 32);
  assertStringIncludes(output, "on a branch that left the recording at 2000000");
  assertMatch(output, /^\$3 = 2000000$/m);
  assertEquals([cursor.cycle, cursor.branch], [2_000_000, undefined]);
});

Deno.test("gdb steps the hart that it names, of four", async () => {
  if (!await hasGdb()) return;
  const cursor = await SimpleCursor.boot("smp", 4, 10_000_000);
  await cursor.seek(1_000_000);
  const names = [0, 1, 2, 3].map((hart) => `hart${hart}`);
  const commands = names.flatMap((name, hart) => [
    ...[`echo [${name}]\\n`, `thread ${hart + 1}`, "p $cycle", "p/x $pc", "p $mhartid"],
    ...["reverse-stepi", "p $_thread", "p/x $pc", "p $cycle", "stepi", "p/x $pc"],
  ]);
  const output = await gdb(cursor, "smp", ["info threads", ...commands]);
  for (const [hart, name] of names.entries()) {
    const values = [...section(output, name).matchAll(/^\$\d+ = (\S+)$/gm)].map(([, value]) =>
      value
    );
    const [from, pc, mhartid, thread, stepped, cycle, back] = values;
    assertEquals([mhartid, thread], [`${hart}`, `${hart + 1}`], output);
    assertEquals(back, pc, output);
    assert(stepped !== pc && Number(cycle) < Number(from), section(output, name));
    // The reference: the greatest earlier cycle in which that hart acted.
    await cursor.seek(Number(from));
    await cursor.reverseStep(hart);
    assertEquals(`${cursor.cycle}`, cycle);
  }
});

Deno.test("gdb clients come one after another, and find what the last one left", async () => {
  if (!await hasGdb()) return;
  const cursor = await pocketAtItsEnd();
  const first = await gdb(cursor, "pocket", ["reverse-stepi 5", "p $cycle", "detach"]);
  const second = await gdb(cursor, "pocket", ["p $cycle", "kill"]);
  const position = (output: string) => /^\$1 = (\d+)$/m.exec(output)?.[1];
  assert(position(first) !== undefined, first);
  assertEquals(position(second), position(first));
});

const SORT = { image: "sort", harts: 1, cycles: 600_000_000 } as const;

Deno.test("gdb: Ctrl-C ends a long movement in either direction", async () => {
  if (!await hasGdb()) return;
  // Nothing comes in, so that its first cycles stand for all.
  const recording = { ...await record({ ...SORT, cycles: 1000 }), endCycle: SORT.cycles };
  const timeline = timelineOf(recording, { turn: eventLoopTurns() });
  const cursor = await timeline.cursor();
  const debug = new Debugger({ cursor, symbols: new SymbolTable([]) });
  const options = { hostname: "127.0.0.1", port: 0, commands: COMMANDS, debug };
  const listener = new GdbListener(options);
  const session = new GdbSession(["-ex", `target remote ${listener.address}`]);
  await session.say("break *0x10", /Breakpoint 1/);
  for (const [command, from] of [["continue", 0], ["reverse-continue", timeline.end]] as const) {
    await cursor.seek(from);
    await session.say(command, /Continuing/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const since = processorMs();
    await session.interrupt(/received signal SIGINT/);
    const tookMs = processorMs() - since;
    assert(tookMs < 400, `${command}: ${tookMs} ms`);
    if (command === "continue") assert(cursor.cycle > 0 && cursor.cycle < timeline.end);
    else assertEquals(cursor.cycle, timeline.end, "a search that ends early goes nowhere");
  }
  await session.close();
  await listener.close();
  timeline.close();
});
