import { assert, assertEquals } from "@std/assert";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import type { VirtioBlkState } from "../../../devices/virtio/blk.ts";
import { imageUrl } from "../../../guests/images.ts";
import { disassemble } from "../../../core/isa/disassemble.ts";
import type { Cursor } from "../../../replay/cursor.ts";
import type { LogEntry } from "../../../replay/log.ts";
import { provenance, type Step } from "../../../replay/provenance/provenance.ts";
import { record, timelineOf } from "../recordings.ts";

const POCKET = { image: "pocket", harts: 1, cycles: 500_000_000 } as const;
const symbols = elfSymbols(Deno.readFileSync(imageUrl("pocket")));

function functionOf({ origin }: Step): string | undefined {
  return "pc" in origin ? symbols.nearest(origin.pc)?.name : undefined;
}

function memoryAt(cursor: Cursor, address: number, sizeBytes: number) {
  const bytes = cursor.readMemory(address, sizeBytes);
  assert(bytes, `nothing at ${address}`);
  return bytes;
}

function word(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

Deno.test("pocket's stray write is traced to the clock, through the function that stored it", async () => {
  const recording = await record(POCKET);
  const cursor = await timelineOf(recording).cursor(recording.endCycle);
  const ledger = Number(word(memoryAt(cursor, Number(symbols.address("ledger")), 8)));
  const { steps, cut } = await provenance(
    cursor,
    { kind: "memory", address: ledger, sizeBytes: 8 },
    recording,
  );
  assertEquals(cut, []);
  assertEquals(steps.map(functionOf), ["note_alarm", "timer_now"]);
  const [stored, read] = steps;
  assertEquals([stored.origin.kind, read.origin.kind], ["copy", "csr"]);
  assert("csr" in read.origin && read.origin.csr === "time");
  assertEquals(stored.value, read.value);
  assert("word" in stored.origin);
  assertEquals(disassemble(stored.origin.word), "c.sd a0,0(a5)");
  // It stands where it stood.
  assertEquals(cursor.cycle, recording.endCycle);
});

Deno.test("what a device wrote is traced to the byte on the disk, or in the frame", async () => {
  const frame = Uint8Array.from([...Array(6).fill(0xff), 2, 0, 0, 0, 0, 1, 0x12, 0x34]);
  const payload = Uint8Array.from({ length: 64 }, (_, i) => 0x80 + i);
  const frames = [{ cycle: 30_000_000, bytes: Uint8Array.from([...frame, ...payload]) }];
  const recording = await record({ ...POCKET, cycles: 60_000_000 }, undefined, frames);
  const cursor = await timelineOf(recording).cursor(recording.endCycle);
  const { entries } = recording;

  const found = findInMemory(cursor, payload.subarray(20, 40));
  const arrived = await provenance(
    cursor,
    { kind: "memory", address: found + 4, sizeBytes: 1 },
    { entries },
  );
  const [{ origin, value }] = arrived.steps;
  assert(origin.kind === "input", origin.kind);
  assertEquals(value, BigInt(payload[24]));
  assertEquals([origin.arrived.kind, origin.arrived.byte], ["frame", frame.length + 24]);
  assertEquals(origin.arrived.id, entries.find(({ id }) => id.startsWith("m/net0"))?.id);

  // Pocket's ledger writes a page's number into the page's sector, and reads it back.
  const [answer, address] = await firstRead(cursor, entries);
  await cursor.seek(answer.cycle + 1);
  const disk = await provenance(cursor, { kind: "memory", address, sizeBytes: 4 }, { entries });
  const [{ origin: from, value: page }] = disk.steps;
  assert(from.kind === "input", from.kind);
  assertEquals([from.arrived.id, from.arrived.sector], [answer.id, Number(page)]);
  assertEquals(from.arrived.sectorByte, 0);
});

Deno.test("what was typed is traced to its byte, through the register that it was read from", async () => {
  const recording = await record({ ...POCKET, cycles: 5_000_000 });
  const cursor = await timelineOf(recording).cursor(recording.endCycle);
  const { entries } = recording;
  const typed = entries.flatMap((entry) =>
    entry.kind === "input" && entry.input.kind === "console"
      ? [...entry.input.bytes].map((value, byte) => ({ id: entry.id, value, byte }))
      : []
  );
  assert(typed.length > 5);
  for (const [index, { id, value, byte }] of typed.entries()) {
    const address = Number(symbols.address("typed")) + index;
    const { steps } = await provenance(
      cursor,
      { kind: "memory", address, sizeBytes: 1 },
      { entries },
    );
    assertEquals(steps.map(({ value }) => value), steps.map(() => BigInt(value)));
    const { origin } = steps.at(-1)!;
    assert(origin.kind === "device-register", origin.kind);
    assertEquals([origin.arrived?.id, origin.arrived?.byte], [id, byte]);
  }
});

/** The answer to a read of the disk, and where in memory it goes. */
async function firstRead(
  cursor: Cursor,
  entries: readonly LogEntry[],
): Promise<[LogEntry, number]> {
  for (const entry of entries) {
    if (entry.kind !== "input" || entry.input.kind !== "disk") continue;
    await cursor.seek(entry.cycle);
    const { chip } = cursor.deviceState("disk0") as unknown as { chip: VirtioBlkState };
    const [{ operation, chain }] = chip.inFlight;
    if (operation === "read") return [entry, chain!.writable[0].address];
  }
  throw new Error("pocket reads no sector");
}

Deno.test("copies are followed byte for byte, sums through all that was added, and bounds are told", async () => {
  const recording = await record({ ...POCKET, cycles: 30_000_000 });
  const cursor = await timelineOf(recording).cursor(recording.endCycle);
  const place = {
    kind: "memory",
    address: Number(symbols.address("ledger")),
    sizeBytes: 8,
  } as const;
  const { steps, cut } = await provenance(cursor, place, recording);
  assertEquals(cut, []);
  const sum = steps.find(({ origin }) => origin.kind === "computed" && "word" in origin);
  assertEquals(functionOf(steps[0]), "ledger_init");
  assertEquals(sum && functionOf(sum), "heap_alloc");
  // Each leads on to what was there before it, and ends where an instruction made a value.
  for (const { from, cycle, origin } of steps) {
    for (const next of from) assert((steps[next].cycle ?? 0) < cycle!);
    assertEquals(from.length === 0, ["constant", "csr", "reset"].includes(origin.kind));
  }
  const half = await provenance(cursor, { ...place, address: place.address + 4, sizeBytes: 2 }, {
    entries: [],
  });
  assertEquals(half.steps[1].place, {
    kind: "register",
    hart: 0,
    name: "x10",
    offset: 4,
    sizeBytes: 2,
  });
  const bounded = await provenance(cursor, place, { entries: [], steps: 3 });
  assertEquals(bounded.steps.length, 3);
  assertEquals(bounded.cut.length, 1);
  const near = await provenance(
    cursor,
    { kind: "register", hart: 0, name: "x3", offset: 0, sizeBytes: 8 },
    { entries: [], registerCycles: 100 },
  );
  assertEquals(near.steps[0].origin.kind, "cut");
  assertEquals(near.cut, [
    `nothing wrote x3 of hart 0 in 100 cycles before ${recording.endCycle}`,
  ]);
});

const RAM = 0x8000_0000;
const RAM_BYTES = 16 << 20;

function findInMemory(cursor: Cursor, bytes: Uint8Array): number {
  const at = indexOf(memoryAt(cursor, RAM, RAM_BYTES), bytes);
  assert(at >= 0, "the bytes are not in memory");
  return RAM + at;
}

function indexOf(all: Uint8Array, bytes: Uint8Array): number {
  for (let at = all.indexOf(bytes[0]); at >= 0; at = all.indexOf(bytes[0], at + 1)) {
    if (bytes.every((byte, i) => all[at + i] === byte)) return at;
  }
  return -1;
}
