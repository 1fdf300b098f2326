/** What was recorded happens again; what was changed is found. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Random } from "../../core/random.ts";
import { UART_ID } from "../../devices/board.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import type { Log, LogEntry } from "../../replay/log.ts";
import { MemoryLog } from "../../replay/memory_log.ts";
import { replay } from "../../replay/replayer.ts";
import {
  buildOf,
  type Guest,
  memoryHost,
  outputHash,
  POCKET,
  POCKET_TO_ITS_END,
  read,
  recordFile,
  recordInto,
  recordLog,
  SMP,
} from "./machines.ts";

const verify = (log: Log, guest: Guest) => replay(log, buildOf(guest), { check: outputHash });

for (const guest of [POCKET, POCKET_TO_ITS_END, SMP]) {
  const name = `${guest.image} on ${guest.harts} harts to cycle ${guest.cycles}`;

  Deno.test(`replay of ${name} repeats every output and digest`, async () => {
    const sink = new MemoryLog();
    const host = memoryHost();
    const { cycle, digest } = await recordInto(sink, guest, host);
    const log = sink.log();
    const printed: number[] = [];
    const again = await replay(log, buildOf(guest), {
      check: outputHash,
      onOutput: (_cycle, device, output) => {
        if (device === UART_ID && output.kind === "console") printed.push(...output.bytes);
      },
    });
    assertEquals([again.cycle, again.digest], [cycle, digest]);
    assertEquals(Uint8Array.from(printed), host.consoleOutput(UART_ID));
    assertEquals(again.digestCount, log.digests.length);
    if (guest.image === "pocket") {
      const kinds = new Set(log.entries.map((it) => it.kind === "input" ? it.input.kind : it.kind));
      assert(kinds.has("console") && kinds.has("disk"), `only ${[...kinds]} came in`);
    }
  });

  Deno.test(`a file of ${name} holds the log that a recording in memory has`, async () => {
    const recording = read(await recordFile(guest));
    assertEquals(recording.damage, undefined);
    const { outputs, ...log } = recording.log;
    const { outputs: expected, ...rest } = await recordLog(guest);
    assertEquals(log, rest);
    assertEquals(outputs, expected);
    await verify(recording.log, guest);
  });
}

Deno.test("recording changes nothing for the guest", async () => {
  const { digest } = await recordInto(new MemoryLog(), POCKET);
  const machine = await buildOf(POCKET)(memoryHost(), () => {});
  await machine.run(POCKET.cycles);
  assertEquals(machine.digest(), digest);
});

Deno.test("ids count from 0 for each device", async () => {
  const { entries } = await recordLog(POCKET);
  const next = new Map<string, number>();
  for (const { id } of entries) {
    const [, device, n] = /^m\/([a-z0-9]+)#(\d+)$/.exec(id)!;
    assertEquals(Number(n), next.get(device) ?? 0);
    next.set(device, Number(n) + 1);
  }
  assert(next.get("disk0")! > 0 && next.get(UART_ID)! === 3, `${[...next]}`);
});

/** Replaces the first input of a kind. */
function mutate(log: Log, kind: string, change: (entry: LogEntry) => LogEntry): Log {
  const at = log.entries.findIndex((it) => it.kind === "input" && it.input.kind === kind);
  assert(at >= 0, `no ${kind} input`);
  return { ...log, entries: log.entries.with(at, change(log.entries[at])) };
}

function changed(entry: LogEntry, input: object): LogEntry {
  assert(entry.kind === "input");
  return { ...entry, input: { ...entry.input, ...input } as typeof entry.input };
}

Deno.test("a mutated input is a divergence with cycle, device, expected and actual", async () => {
  const log = await recordLog(POCKET);
  const flipped = (entry: LogEntry) => {
    assert(entry.kind === "input" && "bytes" in entry.input && entry.input.bytes !== undefined);
    const bytes = entry.input.bytes.slice();
    bytes[0] ^= 1;
    return changed(entry, { bytes });
  };
  const cases: [string, Log, RegExp][] = [
    ["console byte", mutate(log, "console", flipped), /^(uart0|machine)$/],
    ["disk error", mutate(log, "disk", (it) => changed(it, { error: "EIO" })), /./],
    ["request", mutate(log, "disk", (it) => changed(it, { request: 99_999 })), /^disk0$/],
    ["length", mutate(log, "disk", (it) => changed(it, { bytes: new Uint8Array(3) })), /^disk0$/],
    ["cycle", mutate(log, "disk", (it) => ({ ...it, cycle: it.cycle + 1 })), /./],
    [
      "missing",
      { ...log, entries: log.entries.toSpliced(0, 1) },
      /./,
    ],
  ];
  for (const [what, mutated, device] of cases) {
    const error = await verify(mutated, POCKET).catch((error) => error);
    assert(error instanceof DivergenceError, `${what}: ${error}`);
    assert(error.cycle > 0 && error.cycle <= log.endCycle, `${what}: ${error.message}`);
    assert(device.test(error.device), `${what}: ${error.message}`);
    assert(error.expected !== error.actual, `${what}: ${error.message}`);
  }
});

Deno.test("a changed digest, output or end is a divergence", async () => {
  const log = await recordLog(POCKET_TO_ITS_END);
  const seed = 5;
  const random = new Random(seed);
  const digest = random.below(log.digests.length);
  const output = random.below(log.outputs.length);
  const end = { reason: "power", power: { kind: "power", action: "poweroff", code: 0 } } as const;
  const cases: [string, Log][] = [
    ["digest", {
      ...log,
      digests: log.digests.with(digest, { ...log.digests[digest], digest: "0".repeat(16) }),
    }],
    ["hash", { ...log, outputs: log.outputs.with(output, { ...log.outputs[output], hash: 1n }) }],
    ["output", { ...log, outputs: log.outputs.toSpliced(output, 1) }],
    ["end", { ...log, end }],
    ["reason", { ...log, end: { reason: "until" } }],
  ];
  for (const [what, mutated] of cases) {
    const error = await assertRejects(() => verify(mutated, POCKET_TO_ITS_END), DivergenceError);
    assertStringIncludes(error.message, "divergence at cycle ", `${what}, seed ${seed}`);
  }
});

Deno.test("replay stops at any cycle, with the state of a run to there", async () => {
  const log = await recordLog(POCKET);
  for (const until of [0, 1, 2_999_999, 3_000_000, 3_000_001, 40_000_000]) {
    const machine = await buildOf(POCKET)(memoryHost(), () => {});
    await machine.run(until);
    const { cycle, digest } = await replay(log, buildOf(POCKET), { until, check: outputHash });
    assertEquals([cycle, digest], [until, machine.digest()]);
  }
  await assertRejects(
    () => replay(log, buildOf(POCKET), { until: log.endCycle + 1 }),
    RangeError,
    "outside the recording",
  );
});
