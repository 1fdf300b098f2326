/** The digest is honest: no bit of the machine's state can change without changing it. */
import { assertEquals, assertNotEquals } from "@std/assert";
import {
  CANONICAL_FIELDS,
  DRAM,
  F,
  hartBase,
  type HartField,
  PMPADDR,
  X,
} from "../../core/hart/layout.ts";
import { Machine } from "../../core/machine.ts";
import { Random } from "../../core/random.ts";
import type { State, StateValue } from "../../core/state.ts";
import { UART_ID } from "../../devices/board.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import { type ImageName, imageUrl } from "../../guests/images.ts";
import { FIELDS as CSR_FIELDS } from "./hart/trial_csrs.ts";

const SEED = 0xd16e;
const MEMORY_BYTES = 16 << 20;
const DISK_BYTES = 1 << 20;

/** Something flipped: how to flip it back, and a name for messages. */
interface Flip {
  readonly what: string;
  back(): void;
}

type Kind = (machine: Machine, random: Random, harts: number) => Flip;

const flipBit = (bytes: Uint8Array, bit: number) => bytes[bit >> 3] ^= 1 << (bit & 7);

function ram(machine: Machine, random: Random): Flip {
  // Half of them where something has been written, half anywhere.
  const bytes = random.below(2) === 0 ? MEMORY_BYTES : 0x3_0000;
  const address = DRAM + random.below(bytes);
  const old = machine.memory.view(address, 1)!.slice();
  const flipped = old.slice();
  flipBit(flipped, random.below(8));
  machine.memory.write(address, flipped);
  return {
    what: `RAM at 0x${address.toString(16)}`,
    back: () => machine.memory.write(address, old),
  };
}

const registers =
  (name: string, offset: number, count: number): Kind => (machine, random, harts) => {
    const hart = random.below(harts);
    const at = hartBase(hart) + offset;
    const bit = random.below(count * 64);
    const flip = () => flipBit(machine.engine.bytes.subarray(at), bit);
    flip();
    return { what: `${name}${bit >> 6} of hart ${hart}`, back: flip };
  };

/** Listed here as well: a field that the machine's own list forgets must be missed. */
const HART_FIELDS = [
  ...new Set<HartField>([
    ...CANONICAL_FIELDS,
    ...CSR_FIELDS,
    "pc",
    "privilege",
    "waiting",
    "reservation",
    "pmpcfg0",
    "pmpcfg2",
  ]),
];

function csr(machine: Machine, random: Random, harts: number): Flip {
  const hart = random.below(harts);
  const field = HART_FIELDS[random.below(HART_FIELDS.length)];
  const old = machine.engine.field(hart, field);
  machine.engine.setField(hart, field, old ^ 1n << BigInt(random.below(64)));
  return {
    what: `${field} of hart ${hart}`,
    back: () => machine.engine.setField(hart, field, old),
  };
}

function scheduler(machine: Machine, random: Random): Flip {
  const old = machine.save();
  const { path, value } = flippedLeaf(old.scheduler, random);
  machine.restore({ ...old, scheduler: value });
  return { what: `scheduler${path}`, back: () => machine.restore(old) };
}

function clock(machine: Machine, random: Random): Flip {
  const old = machine.save();
  const field = random.below(2) === 0 ? "cycle" : "mtimeOffset";
  const { value } = flippedLeaf(old[field], random);
  machine.restore({ ...old, [field]: value });
  return { what: field, back: () => machine.restore(old) };
}

function device(machine: Machine, random: Random): Flip {
  const devices = [...machine.devices.values()].filter((each) => leaves(each.save()).length > 0);
  const chosen = devices[random.below(devices.length)];
  const old = chosen.save();
  const { path, value } = flippedLeaf(old, random);
  chosen.restore(value as State);
  return { what: `${chosen.id}${path}`, back: () => chosen.restore(old) };
}

interface Leaf {
  readonly path: string;
  readonly value: StateValue;
  /** A copy of the whole with this leaf replaced. */
  replaced(value: StateValue): StateValue;
}

/** Everything in a state that has bits, but for versions. */
function leaves(value: StateValue, path = ""): Leaf[] {
  if (value === undefined || (value instanceof Uint8Array && value.length === 0)) return [];
  if (typeof value !== "object" || value instanceof Uint8Array) {
    return [{ path, value, replaced: (other) => other }];
  }
  const inside = (inner: StateValue, step: string, put: (other: StateValue) => StateValue) =>
    leaves(inner, path + step).map((leaf) => ({
      ...leaf,
      replaced: (other: StateValue) => put(leaf.replaced(other)),
    }));
  if (Array.isArray(value)) {
    const items = value as readonly StateValue[];
    return items.flatMap((item, i) => inside(item, `[${i}]`, (other) => items.with(i, other)));
  }
  const fields = value as { readonly [field: string]: StateValue };
  return Object.keys(fields).filter((name) => name !== "version").flatMap((name) =>
    inside(fields[name], `.${name}`, (other) => ({ ...fields, [name]: other }))
  );
}

function flippedLeaf(value: StateValue, random: Random): { path: string; value: StateValue } {
  const all = leaves(value);
  const leaf = all[random.below(all.length)];
  return { path: leaf.path, value: leaf.replaced(flipped(leaf.value, random)) };
}

function flipped(value: StateValue, random: Random): StateValue {
  if (typeof value === "boolean") return !value;
  if (typeof value === "bigint") return value ^ 1n << BigInt(random.below(64));
  if (typeof value === "string") return `${value}'`;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return 0;
    const bit = 2 ** random.below(8);
    return Math.floor(value / bit) % 2 === 0 ? value + bit : value - bit;
  }
  const bytes = (value as Uint8Array).slice();
  flipBit(bytes, random.below(bytes.length * 8));
  return bytes;
}

const KINDS: readonly [string, number, Kind][] = [
  ["RAM", 300, ram],
  ["x registers", 100, registers("x", X, 32)],
  ["f registers", 100, registers("f", F, 32)],
  ["pmpaddr registers", 50, registers("pmpaddr", PMPADDR, 16)],
  ["other fields of harts", 150, csr],
  ["scheduler", 50, scheduler],
  ["clock", 50, clock],
  ["devices", 200, device],
];

async function boot(image: ImageName, harts: number): Promise<Machine> {
  const host = new MemoryHost({
    disks: { disk0: new Uint8Array(DISK_BYTES) },
    script: [{ cycle: 4_000_000, device: UART_ID, bytes: new TextEncoder().encode("abcdef") }],
  });
  const bytes = await Deno.readFile(imageUrl(image));
  const disks = [{ sizeBytes: DISK_BYTES }];
  const config = { memoryBytes: MEMORY_BYTES, harts, seed: SEED, disks };
  return Machine.create(
    machineOptions({ ...config, diskTiming: "model" }, { bios: { name: image, bytes } }, host),
  );
}

for (const [image, harts, cycle] of [["pocket", 1, 60_012_345], ["smp", 4, 5_432_109]] as const) {
  Deno.test(`digest() of ${image} on ${harts} harts changes with any bit, and back`, async (t) => {
    const machine = await boot(image, harts);
    await machine.run(cycle);
    const random = new Random(SEED);
    const expected = machine.digest();
    for (const [name, count, kind] of KINDS) {
      await t.step(`${count} bits of ${name}`, () => {
        for (let n = 0; n < count; n++) {
          const { what, back } = kind(machine, random, harts);
          const message = `seed 0x${SEED.toString(16)}, ${name} ${n}: ${what}`;
          assertNotEquals(machine.digest(), expected, message);
          back();
          assertEquals(machine.digest(), expected, `${message}, flipped back`);
        }
      });
    }
  });
}

Deno.test("digest() is that of a machine which was given the same state at once", async () => {
  const machine = await boot("pocket", 1);
  for (const cycle of [1_000_003, 20_000_000, 31_234_567]) {
    await machine.run(cycle);
    // What pages it looks at again depends on what was written since the last time.
    const digest = machine.digest();
    const other = await boot("pocket", 1);
    other.memory.write(DRAM, machine.memory.view(DRAM, MEMORY_BYTES)!.slice());
    other.restore(machine.save());
    assertEquals(other.digest(), digest, `cycle ${cycle}`);
  }
});

Deno.test("the digests of a jump over idle time are those of its cycles", async () => {
  const bytes = new Uint8Array(Uint32Array.of(0x1050_0073, 0xffdf_f06f).buffer); // wfi, and again
  const config = { memoryBytes: MEMORY_BYTES, harts: 1, seed: SEED, diskTiming: "model" } as const;
  const expected: string[] = [];
  const found: string[] = [];
  const machine = await Machine.create({
    ...machineOptions({ ...config, disks: [] }, { bios: { name: "wfi", bytes } }, new MemoryHost()),
    onDigest: (_cycle, digest) => {
      found.push(digest);
      expected.push(machine.digest());
    },
  });
  let stretches = 0;
  machine.onActed = () => stretches++;
  await machine.run(95_000_000);
  assertEquals(found, expected);
  assertEquals([found.length, new Set(found).size, stretches], [9, 9, 1]);
});
