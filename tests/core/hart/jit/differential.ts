/**
 * Random programs on tier 0 and on tier 1: the same state at every stop and at the end.
 *
 * Tier 0 is the reference; whether it is right is what tests/conformance asks.
 */
import { assert } from "@std/assert";
import type { BoardPorts, Device, IrqLine, Width } from "../../../../core/device.ts";
import {
  compilerParts,
  type CreateCompiler,
  type EngineShape,
} from "../../../../core/hart/engine.ts";
import { DirectCompiler } from "../../../../core/hart/jit/compiler.ts";
import { Profile, SLOT } from "../../../../core/hart/jit/profile.ts";
import { type Ahead, Trail } from "../../../../core/hart/jit/trail.ts";
import { disassemble } from "../../../../core/isa/disassemble.ts";
import { MACHINE } from "../../../../core/hart/layout.ts";
import { Random, seedFor } from "../../../../core/random.ts";
import { encodeState, type State, type StateValue } from "../../../../core/state.ts";
import { operand, random64 } from "../../../conformance/floats.ts";
import { A, D, pte, R, satp, USER, V, W, X } from "../paged_rig.ts";
import { DRAM, Rig } from "../rig.ts";
import { DEVICE, harmlessWord, POOL, randomProgram, REGISTER } from "./random_program.ts";

const HANDLER = DRAM;
const ROOTS = [DRAM + 0x1000, DRAM + 0x2000];
const MIDDLES = [DRAM + 0x3000, DRAM + 0x4000];
const LEAVES = [DRAM + 0x5000, DRAM + 0x6000];
const LOW = DRAM + 0x7000;
const POOL_PAGE = DRAM + 0x8000;
const DATA = DRAM + 0x1_0000;
const DATA_PAGES = 8;
/** What the second root has in its place. */
const OTHER_DATA = DRAM + 0x1_8000;
const DATA_BYTES = 0x1_0000;
const CODE = DRAM + 0x2_0000;
const CODE_BYTES = 0x2000;
const MEMORY_BYTES = 4 << 20;
const MAPPED_BYTES = 2 << 20;
/** Each program has pages of its own: what is rewritten often is not compiled any more. */
const PROGRAMS = Math.floor((MAPPED_BYTES - (CODE - DRAM)) / CODE_BYTES);
const CHAOS = 0x1000_0000;
const ADUE = 1n << 61n;
const STCE = 1n << 63n;
const M_INTERRUPTS = 0x8aa;
const CYCLES = 1200;
const HARTS_CYCLES = 16_000;

/** Options of the comparison. */
export interface Trials {
  readonly seed: number;
  readonly count: number;
  readonly harts: number;
  /** Of tier 1, one machine each; a threshold above 1 mixes the tiers. */
  readonly thresholds: readonly number[];
  /** With a profile that knows every page, and says of it what comes to its mind. */
  readonly lies?: boolean;
}

/** What was run. */
interface Outcome {
  readonly programs: number;
  readonly stops: number;
  readonly cycles: number;
  readonly traps: number;
  readonly interrupts: number;
  /** Of each threshold's machines, cycles that ran compiled. */
  readonly compiledCycles: readonly bigint[];
}

/** Compares, and asserts that it was about compiled code, traps and interrupts. */
export async function requireSameOnTiers(trials: Trials): Promise<void> {
  const outcome = await compareTiers(trials);
  console.log(outcome);
  const { cycles, traps, interrupts, compiledCycles } = outcome;
  for (const each of compiledCycles) {
    assert(Number(each) > 0.15 * cycles, `only ${each} of ${cycles} cycles were compiled`);
  }
  assert(traps > 0.01 * cycles, `only ${traps} traps in ${cycles} cycles`);
  assert(interrupts > trials.count, `only ${interrupts} interrupts`);
}

/** The name of a test. */
export function nameOf({ count, harts, thresholds, lies }: Trials): string {
  const tier1 = `threshold ${thresholds}${lies ? " and a profile that lies" : ""}`;
  return `${count} random programs on ${harts} harts do with ${tier1} what they do on tier 0`;
}

/** @throws Error that shows the first program on which a machine differs from tier 0 */
async function compareTiers(trials: Trials): Promise<Outcome> {
  const { seed, count, harts, thresholds, lies } = trials;
  const engines = [
    { jitThreshold: 0 },
    ...thresholds.map((jitThreshold) => ({
      jitThreshold,
      compiler: lies ? (shape: EngineShape) => new LyingCompiler(shape, seed) : undefined,
    })),
  ];
  let [stops, cycles, traps, interrupts] = [0, 0, 0, 0];
  const compiledCycles = thresholds.map(() => 0n);
  let worlds: World[] = [];
  for (let i = 0; i < count; i++) {
    const slot = i * harts % PROGRAMS;
    if (i === 0 || slot < harts) {
      worlds = await Promise.all(engines.map((engine) => World.create(engine, harts)));
    }
    const program = seedFor(seed, `${i}`);
    for (const world of worlds) world.begin(new Random(program), slot);
    const random = new Random(program ^ 0x5707);
    const [reference, ...others] = worlds;
    const end = harts === 1 ? CYCLES : HARTS_CYCLES;
    for (let at = 0; at < end; stops++) {
      at = Math.min(
        end,
        at +
          [1 + random.below(70), 1 + random.below(300), end][[0, 0, 1, 1, 1, 2][random.below(6)]],
      );
      await reference.rig.run(at - reference.rig.machine.cycle);
      const expected = reference.state();
      for (const other of others) {
        await other.rig.run(at - other.rig.machine.cycle);
        const actual = other.state();
        if (equal(expected, actual) && equal(reference.data(), other.data())) continue;
        throw new Error(
          `seed ${seed}, program ${i}, at cycle ${at}, threshold ${other.threshold}:\n` +
            `${difference(reference, other)}\n${reference.listing()}`,
        );
      }
    }
    cycles += end;
    interrupts += reference.interrupts;
    traps += reference.traps;
    others.forEach((other, n) => compiledCycles[n] += other.takeCompiledCycles());
  }
  return { programs: count, stops, cycles, traps, interrupts, compiledCycles };
}

interface MachineEngine {
  readonly jitThreshold: number;
  readonly compiler?: CreateCompiler;
}

/** Compiles at once, with entries, branches and instructions where nobody has seen any. */
class LyingCompiler extends DirectCompiler {
  readonly trail: Trail;

  constructor(shape: EngineShape, seed: number) {
    super(compilerParts(shape));
    this.trail = new LyingTrail(new Random(seed));
  }
}

/** Says anything of pages, and expects those of before again. */
class LyingTrail extends Trail {
  readonly #pages: Ahead[] = [];

  constructor(readonly random: Random) {
    super(new Profile());
  }

  override meet(): boolean {
    return true;
  }

  override get isExpecting(): boolean {
    return true;
  }

  override next(): Ahead | undefined {
    return this.#pages.splice(this.random.below(this.#pages.length + 1), 1)[0];
  }

  override learn(key: bigint, code: Uint16Array, slots: Uint8Array): Uint8Array {
    this.#pages.push({ key, code: code.slice(), slots: this.#lie(slots) });
    return this.#lie(slots);
  }

  #lie(slots: Uint8Array): Uint8Array {
    const anything = SLOT.known | SLOT.warm | SLOT.far | SLOT.near;
    const some = () => this.random.below(anything + 1);
    return slots.map((flags) => flags | some() & some());
  }
}

/** A machine on which one program after another runs. */
class World {
  traps = 0;
  interrupts = 0;
  #compiledBefore = 0n;
  #programs: { readonly base: number; readonly bytes: Uint8Array }[] = [];
  readonly #initial: State;

  private constructor(readonly threshold: number, readonly rig: Rig, readonly chaos: Chaos) {
    rig.load(handler(), HANDLER);
    ROOTS.forEach((root, i) => {
      rig.write64(root, pte(LOW, V));
      rig.write64(root + 8 * 2, pte(MIDDLES[i], V));
      rig.write64(MIDDLES[i], pte(LEAVES[i], V));
      rig.write64(MIDDLES[i] + 8, pte(DRAM + MAPPED_BYTES, V | R | W | A | D));
    });
    rig.machine.onActed = (_hart, _from, _to, traps, interrupts) => {
      this.traps += traps;
      this.interrupts += interrupts;
    };
    this.#initial = rig.machine.save();
  }

  static async create(engine: MachineEngine, harts: number): Promise<World> {
    let chaos!: Chaos;
    const board = (ports: BoardPorts) => {
      chaos = new Chaos(ports);
      return [{ base: CHAOS, device: chaos }];
    };
    const rig = await Rig.create({ memoryBytes: MEMORY_BYTES, harts, board, engine });
    return new World(engine.jitThreshold, rig, chaos);
  }

  /** Begins a program at cycle 0, on pages of code that nothing has used yet. */
  begin(random: Random, slot: number): void {
    const { rig } = this;
    rig.machine.restore(this.#initial);
    this.traps = this.interrupts = 0;
    rig.write(DATA, randomData(random));
    const privilege = [0, 1, 3, 3][random.below(4)];
    this.#programs = Array.from({ length: rig.harts }, (_, hart) => {
      // Now and then in the middle of an instruction a page ends.
      const offset = random.below(2) === 0 ? 0 : 0x1000 - 2 * random.below(120);
      const base = CODE + (slot + hart) % PROGRAMS * CODE_BYTES + offset;
      const { bytes, patches } = randomProgram(random, privilege);
      rig.write(base, bytes);
      const patch = patches.length === 0 ? base : base + patches[random.below(patches.length)];
      if (hart === 0) this.chaos.begin(random, patches.length === 0 ? DATA : patch);
      this.#start(random, hart, base, privilege);
      return { base, bytes };
    });
  }

  #start(random: Random, hart: number, base: number, privilege: number): void {
    const { rig } = this;
    if (hart === 0) this.#map(random, privilege);
    for (let i = 0; i < 32; i++) {
      rig.setX(i, random.below(2) === 0 ? random64(random) : random.below(200), hart);
      rig.setF(i, number(random), hart);
    }
    rig.setX(REGISTER.sp, DATA + 64, hart);
    rig.setX(REGISTER.data, DATA + 0x800, hart);
    rig.setX(REGISTER.border, DATA + 0x1000, hart);
    rig.setX(REGISTER.hole, 0x4000_0000, hart);
    rig.setX(REGISTER.device, CHAOS, hart);
    rig.setX(REGISTER.code, base, hart);
    rig.setX(REGISTER.pool, POOL_PAGE, hart);
    rig.setX(REGISTER.leaf, LEAVES[0] + 8 * ((DATA - DRAM) / 4096), hart);
    rig.setX(REGISTER.start, base, hart);
    rig.set("mtvec", HANDLER, hart);
    rig.set("menvcfg", ADUE | STCE, hart);
    rig.set("mcounteren", 7, hart);
    rig.set("scounteren", 7, hart);
    rig.set("mie", random.below(4) === 0 ? 0 : M_INTERRUPTS, hart);
    rig.set("mstatus", 0x2000 | random.below(2) << 3 | random.below(4) << 18, hart);
    rig.set("stimecmp", 1 + random.below(6), hart);
    rig.set("frm", random.below(5), hart);
    rig.set("satp", satp(ROOTS[0]), hart);
    // One page of data is closed to supervisor and user.
    rig.setPmp(0, 0x18, BigInt((DATA + 0x3000) / 4 + 0x1ff), hart);
    rig.setPmp(1, 0x1f, -1n, hart);
    rig.start(base, privilege, hart);
  }

  // Memory is mapped to itself, but data by pages with rights of their own, from one root or another.
  #map(random: Random, privilege: number): void {
    const { rig } = this;
    const user = privilege === 0 ? USER : 0;
    rig.write64(LOW + 8 * (CHAOS >> 21), pte(CHAOS, V | R | W | A | D | user));
    const rights = () => {
      const [r, w, x] = [R, W, X].map((bit) => random.below(8) === 0 ? 0 : bit);
      const [a, d] = [A, D].map((bit) => random.below(2) === 0 ? 0 : bit);
      const valid = random.below(20) === 0 ? 0 : V;
      return valid | r | w & r << 1 | x | a | d |
        (random.below(privilege === 0 ? 8 : 3) === 0 ? user ^ USER : user);
    };
    LEAVES.forEach((leaves, i) => {
      const bytes = new BigUint64Array(512);
      for (let page = 0; page < 512; page++) {
        bytes[page] = pte(DRAM + page * 4096, V | R | W | X | A | D | user);
      }
      for (let page = 0; page < DATA_PAGES; page++) {
        const frame = (i === 0 ? DATA : OTHER_DATA) + page * 4096;
        bytes[(DATA - DRAM) / 4096 + page] = pte(frame, rights());
      }
      rig.write(leaves, new Uint8Array(bytes.buffer));
    });
    for (let i = 0; i < 8; i++) {
      rig.write64(POOL_PAGE + POOL.words + 8 * i, BigInt(harmlessWord(random)));
      rig.write64(POOL_PAGE + POOL.satp + 8 * i, satp(ROOTS[i % 2]));
      const frame = DATA + random.below(2 * DATA_PAGES) * 4096;
      rig.write64(POOL_PAGE + POOL.leaves + 8 * i, pte(frame, rights()));
    }
    rig.write64(POOL_PAGE + 256, 1 + random.below(3)); // ticks between two timer interrupts
  }

  state(): Uint8Array {
    return encodeState(this.rig.machine.save());
  }

  /** Data, the page tables and the pool. */
  data(): Uint8Array {
    return this.rig.machine.memory.view(ROOTS[0], DATA + DATA_BYTES - ROOTS[0])!;
  }

  takeCompiledCycles(): bigint {
    const compiledCycles = this.rig.machine.engine.u64[MACHINE.compiledCycles / 8];
    const since = compiledCycles - this.#compiledBefore;
    this.#compiledBefore = compiledCycles;
    return since;
  }

  listing(): string {
    return this.#programs.map(({ base, bytes }) => list(base, bytes)).join("\n\n");
  }
}

/** Raises an interrupt at any cycle, does DMA to data and to code, tells the cycle, cuts the slice. */
class Chaos implements Device {
  readonly id = "chaos";
  readonly sizeBytes = 0x1000;
  readonly widths: readonly Width[] = [1, 2, 4, 8];
  readonly #line: IrqLine;
  #due = Infinity;
  #accesses = 0;
  #target = 0;
  #patch = 0;

  constructor(readonly ports: BoardPorts) {
    this.#line = ports.hartIrq(0, "MEIP");
  }

  begin(random: Random, patch: number): void {
    this.#patch = patch;
    this.#target = DATA + 8 * random.below(1024);
    this.#due = random.below(500);
    this.#accesses = 0;
  }

  read(offset: number, width: Width): number {
    this.#accesses++;
    const value = offset === DEVICE.cycle ? this.ports.clock.cycle() : this.#accesses;
    return width >= 4 ? value : value & (1 << 8 * width) - 1;
  }

  write(offset: number, width: Width, value: number): void {
    this.#accesses++;
    if (offset === DEVICE.alarm) this.#due = this.ports.clock.cycle() + 1 + value % 300;
    if (offset === DEVICE.clear) this.#line.set(false);
    if (offset === DEVICE.cut) {
      this.ports.output(this.id, { kind: "console", bytes: new Uint8Array(1) });
    }
    if (width !== 4) return;
    const bytes = new Uint8Array(Uint32Array.of(value).buffer);
    if (offset === DEVICE.dma) this.ports.memory.write(this.#target, bytes);
    if (offset === DEVICE.patch) this.ports.memory.write(this.#patch, bytes);
  }

  deadline(): number {
    return this.#due;
  }

  tick(): void {
    this.#due = Infinity;
    this.#line.set(true);
  }

  save(): State {
    return { version: 1, due: this.#due === Infinity ? -1 : this.#due, accesses: this.#accesses };
  }

  restore(): void {}
}

/** Skips what has trapped, begins anew where there is no code, and arms the timer again. */
function handler(): string {
  return `
          csrr x31, mcause
          blt x31, zero, interrupt
          csrr x30, mepc
          addi x31, x31, -1
          beq x31, zero, again        # fetch: access fault
          addi x31, x31, -11
          beq x31, zero, again        # fetch: page fault
          lhu x31, 0(x30)
          andi x31, x31, 3
          addi x31, x31, -3
          beq x31, zero, full
          addi x30, x30, -2
  full:   addi x30, x30, 4
          csrw mepc, x30
          mret
  again:  csrw mepc, x${REGISTER.start}
          mret
  interrupt:
          li x30, ${CHAOS}
          sw zero, ${DEVICE.clear}(x30)
          csrw mip, zero
          li x30, ${POOL_PAGE + 256}
          ld x30, 0(x30)
          csrr x31, time
          add x31, x31, x30
          csrw stimecmp, x31
          mret`;
}

function number(random: Random): bigint {
  if (random.below(8) === 0) return random64(random);
  return random.below(2) === 0
    ? operand(random, "d")
    : 0xffff_ffffn << 32n | BigInt.asUintN(32, operand(random, "s"));
}

function randomData(random: Random): Uint8Array {
  const words = new BigUint64Array(DATA_BYTES / 8);
  const values = Array.from(
    { length: 61 },
    () =>
      BigInt.asUintN(64, random.below(2) === 0 ? number(random) : BigInt(random.below(1000) - 500)),
  );
  for (let i = 0; i < words.length; i++) words[i] = values[i % values.length];
  return new Uint8Array(words.buffer);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function difference(expected: World, actual: World): string {
  const lines: string[] = [];
  const compare = (path: string, a: StateValue, b: StateValue) => {
    if (a instanceof Uint8Array && b instanceof Uint8Array) {
      const [x, y] = [a, b].map((bytes) => new BigUint64Array(bytes.slice().buffer));
      x.forEach((value, i) => {
        if (value !== y[i]) lines.push(`${path}${i}: ${hex(value)}, not ${hex(y[i])}`);
      });
    } else if (typeof a === "object" && typeof b === "object" && a && b) {
      for (const key of Object.keys(a)) {
        compare(`${path}.${key}`, (a as State)[key], (b as State)[key]);
      }
    } else if (a !== b) lines.push(`${path}: ${hex(a)}, not ${hex(b)}`);
  };
  compare("", expected.rig.machine.save(), actual.rig.machine.save());
  compare("memory", expected.data(), actual.data());
  return lines.slice(0, 20).join("\n");
}

function hex(value: StateValue): string {
  return typeof value === "bigint" ? `0x${value.toString(16)}` : `${value}`;
}

function list(base: number, bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const low = view.getUint16(at, true);
    const length = (low & 3) === 3 ? 4 : 2;
    const word = length === 4 ? view.getUint32(at, true) : low;
    lines.push(`${(base + at).toString(16)}  ${disassemble(word)}`);
    at += length;
  }
  return lines.join("\n");
}
