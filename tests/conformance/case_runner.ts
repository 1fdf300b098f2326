/**
 * A guest that runs one instruction at a time from a known state and reports the state after it.
 *
 * Each case lies in the image as a record: a slot of 32 bytes, full of `c.ebreak`, with the
 * instruction at byte 16 and what has to run before it in front of that; the values of a few
 * registers; some CSRs. The guest loads all registers, jumps into the slot by `mret`, and its trap
 * handler stores them again. For each case it sends a hash of that state, or the state itself.
 */
import { assembleProgram } from "./program.ts";
import type { RunImage } from "./machines.ts";

/** Where the instruction lies in its slot. */
export const SLOT_INSTRUCTION = 16;
/** Bytes. */
export const SLOT_SIZE = 32;

/** The state that a case begins and ends with, by index of its 8 bytes. */
export const STATE = {
  x: 0,
  f: 32,
  fcsr: 64,
  mcause: 65,
  mtval: 66,
  mepc: 67,
  mstatus: 68,
  sscratch: 69,
  sepc: 70,
  scause: 71,
  stval: 72,
  unused: 73,
  window: 80,
  count: 96,
} as const;

/** Bytes of memory that a case may read and write. */
export const WINDOW_SIZE = (STATE.count - STATE.window) * 8;

/** Sets one value of the {@link STATE}. At most {@link PRESETS_MAX} to a case. */
export interface Preset {
  readonly index: number;
  readonly value: bigint;
}

export const PRESETS_MAX = 4;

/** One instruction and the state that it meets. */
export interface Case {
  /** What the coverage table counts it as. */
  readonly mnemonic: string;
  /** Where it lies in memory, see {@link recordAddress}. */
  readonly code: Uint8Array;
  /** Offset in the slot at which execution begins. */
  readonly entry: number;
  readonly presets: readonly Preset[];
  readonly fcsr: number;
  readonly mstatus: bigint;
  readonly sepc: bigint;
}

const RAM = 0x8000_0000;
const BLOCK = RAM + 0x2000;
const TEMPLATE = RAM + 0x3000;
const RECORDS = RAM + 0x4000;
const RECORD_SIZE = 112;
const RECORD = { entry: 32, presets: 34, values: 48, fcsr: 80, mstatus: 88, sepc: 96 } as const;

/** The address of the memory window. */
export const WINDOW = BLOCK + STATE.window * 8;

/** The address of the slot of a case in its image. */
export function recordAddress(index: number): number {
  return RECORDS + index * RECORD_SIZE;
}

/** How many cases fit an image: the runner keeps it below 32 MiB. */
export const CASES_MAX = Math.floor((32 << 20) / RECORD_SIZE);

/** Runs the cases and gives a hash of 32 bits for each. */
export async function runHashes(
  run: RunImage,
  cases: readonly Case[],
  template: readonly bigint[],
): Promise<Uint32Array> {
  const bytes = await run(buildImage(cases, template, undefined));
  requireLength(bytes, cases.length * 4);
  return new Uint32Array(bytes.slice().buffer);
}

/** Runs one of the cases, at its place in the image, and gives the whole state after it. */
export async function runState(
  run: RunImage,
  cases: readonly Case[],
  index: number,
  template: readonly bigint[],
): Promise<BigUint64Array> {
  const bytes = await run(buildImage(cases, template, index));
  requireLength(bytes, STATE.count * 8);
  return new BigUint64Array(bytes.slice().buffer);
}

function requireLength(bytes: Uint8Array, expected: number): void {
  if (bytes.length === expected) return;
  throw new Error(
    `The guest sent ${bytes.length} bytes, not ${expected}: it did not run to its end`,
  );
}

/** @param only the one case to run, whose state is then sent as a whole; absent: all */
function buildImage(
  cases: readonly Case[],
  template: readonly bigint[],
  only: number | undefined,
): Uint8Array {
  if (cases.length > CASES_MAX) throw new RangeError(`${cases.length} cases do not fit one image`);
  const image = new Uint8Array(RECORDS - RAM + cases.length * RECORD_SIZE);
  image.set(
    assembleProgram(
      guest(only ?? 0, only === undefined ? cases.length : only + 1, only !== undefined),
      RAM,
    ).bytes,
  );
  const view = new DataView(image.buffer);
  template.forEach((value, i) => view.setBigUint64(TEMPLATE - RAM + i * 8, value, true));
  cases.forEach((each, i) => writeRecord(view, recordAddress(i) - RAM, each));
  return image;
}

function writeRecord(view: DataView, at: number, each: Case): void {
  new Uint8Array(view.buffer).set(each.code, at);
  view.setUint16(at + RECORD.entry, each.entry, true);
  for (let i = 0; i < PRESETS_MAX; i++) {
    const { index, value } = each.presets[i] ?? { index: STATE.unused, value: 0n };
    view.setUint16(at + RECORD.presets + i * 2, index * 8, true);
    view.setBigUint64(at + RECORD.values + i * 8, BigInt.asUintN(64, value), true);
  }
  view.setBigUint64(at + RECORD.fcsr, BigInt(each.fcsr), true);
  view.setBigUint64(at + RECORD.mstatus, each.mstatus, true);
  view.setBigUint64(at + RECORD.sepc, BigInt.asUintN(64, each.sepc), true);
}

const each = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");

function guest(from: number, to: number, whole: boolean): string {
  return `
        li t0, -1                       # PMP: all of memory is open to all modes
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t0, trap
        csrw mtvec, t0
        li s1, ${recordAddress(from)}
        li t0, ${recordAddress(to)}
        la t1, variables
        sd t0, 8(t1)

next:   la t1, variables                # s1: the record
        ld t0, 8(t1)
        beq s1, t0, finish
        sd s1, 0(t1)
        sc.w zero, zero, (t1)           # no reservation is left from the case before
        sd s1, 0(t1)

        li a0, ${TEMPLATE}
        li a1, ${BLOCK}
        li a2, ${TEMPLATE + STATE.count * 8}
copy:   ld a3, 0(a0)
        sd a3, 0(a1)
        addi a0, a0, 8
        addi a1, a1, 8
        bne a0, a2, copy
        li a1, ${BLOCK}
        ${
    each(PRESETS_MAX, (i) => `
        lhu a3, ${RECORD.presets + i * 2}(s1)
        add a3, a3, a1
        ld a4, ${RECORD.values + i * 8}(s1)
        sd a4, 0(a3)`)
  }
        li a3, 0x6000                   # FS: dirty
        csrs mstatus, a3
        ld a3, ${RECORD.fcsr}(s1)
        csrw fcsr, a3
        ${each(32, (i) => `fld f${i}, ${(STATE.f + i) * 8}(a1)`)}
        ${
    ["sscratch", "scause", "stval"].map((name) => `
        ld a3, ${STATE[name as "stval"] * 8}(a1)
        csrw ${name}, a3`).join("\n")
  }
        ld a3, ${RECORD.sepc}(s1)
        csrw sepc, a3
        csrw mie, zero
        csrw mip, zero
        ld a3, ${RECORD.mstatus}(s1)
        csrw mstatus, a3
        lhu a3, ${RECORD.entry}(s1)
        add a3, a3, s1
        csrw mepc, a3
        csrw mscratch, a1
        mv x31, a1
        ${each(30, (i) => `ld x${i + 1}, ${(i + 1) * 8}(x31)`)}
        ld x31, ${31 * 8}(x31)
        mret

        .align 4
trap:   csrrw x31, mscratch, x31        # x31: the block
        ${each(30, (i) => `sd x${i + 1}, ${(i + 1) * 8}(x31)`)}
        csrr x1, mscratch
        sd x1, ${31 * 8}(x31)
        csrr x1, mstatus
        sd x1, ${STATE.mstatus * 8}(x31)
        li x1, 0x6000
        csrs mstatus, x1
        ${
    ["fcsr", "mcause", "mtval", "mepc", "sscratch", "sepc", "scause", "stval"].map((name) => `
        csrr x1, ${name}
        ${name === "sepc" ? "andi x1, x1, -2 # always 0 (privileged, 12.1.7); QEMU keeps it" : ""}
        sd x1, ${STATE[name as "fcsr"] * 8}(x31)`).join("\n")
  }
        ${each(32, (i) => `fsd f${i}, ${(STATE.f + i) * 8}(x31)`)}
        csrr x1, mcause                 # mtval of a breakpoint: 0 or the address, both are allowed
        addi x1, x1, -3
        bne x1, zero, report
        sd zero, ${STATE.mtval * 8}(x31)

report: li a1, ${BLOCK}
        li a2, ${BLOCK + STATE.count * 8}
        li a3, 0
        li a4, 0x9e3779b97f4a7c15
        li s2, 0x10000000               # the serial port
each:   ld a5, 0(a1)
        ${
    whole
      ? `
        li a6, 8
        call send`
      : `
        xor a3, a3, a5
        mul a3, a3, a4
        srli a5, a3, 32
        xor a3, a3, a5`
  }
        addi a1, a1, 8
        bne a1, a2, each
        ${
    whole ? "" : `
        mv a5, a3
        li a6, 4
        call send`
  }
        la t1, variables
        ld s1, 0(t1)
        addi s1, s1, ${RECORD_SIZE}
        j next

send:   lbu a7, 5(s2)                   # a6 bytes of a5, once the transmitter is empty
        andi a7, a7, 0x20
        beq a7, zero, send
        sb a5, 0(s2)
        srli a5, a5, 8
        addi a6, a6, -1
        bne a6, zero, send
        ret

finish: li t0, 0x100000                 # test finisher
        li t1, 0x5555
        sw t1, 0(t0)
        j finish

        .align 8
variables: .zero 16`;
}
