/**
 * Small hand-written guests, many to an image: each runs from machine mode, reports 64-bit values,
 * and is brought back by a trap handler whatever it does.
 *
 * A case may use every register but s10 (where the next value goes) and s11 (where to go on in
 * machine mode after a trap that it does not catch; at first the end of the case). In its text
 * `show REG` reports a register; a trap to machine mode reports mcause, mtval, mepc and mstatus; one
 * to supervisor mode 0x5, scause, stval, sepc and sstatus, and goes on in machine mode at s11 too.
 * `$` stands for the case's own number, for labels; `enter MODE, LABEL` jumps to `label` in mode `M`,
 * `S` or `U`; `leave` in any mode ends a trap's way back to machine mode without a report.
 */
import { assembleProgram } from "./program.ts";
import type { RunImage } from "./machines.ts";

/** A hand-written guest. */
export interface GuestCase {
  readonly name: string;
  readonly text: string;
  /**
   * Where QEMU 7.2 departs from the specification, or the machine's design goes another way: what
   * ours must report instead of QEMU's values (`undefined`: QEMU is right), and the section that
   * says so.
   */
  readonly instead?: {
    readonly values: (theirs: readonly bigint[]) => readonly bigint[] | undefined;
    readonly because: string;
  };
}

/** Bytes that the image holds besides the program, at guest-physical addresses. */
export interface Segment {
  readonly address: number;
  readonly bytes: Uint8Array;
}

const RAM = 0x8000_0000;
/** Free for the cases: page tables, data, code. */
export const FREE = RAM + 0x20_0000;

/** Of hart 0. Source: SiFive CLINT, as on QEMU's board. */
export const MTIMECMP = 0x200_4000;

const CALL_LEAVE = 0x1ea7e;
const MPRV = 0x20000;

/** Runs the cases in order, in one machine, and gives what each reported. */
export async function runGuestCases(
  run: RunImage,
  cases: readonly GuestCase[],
  segments: readonly Segment[] = [],
): Promise<bigint[][]> {
  const program = assembleProgram(guest(cases), RAM).bytes;
  if (program.length > FREE - RAM) throw new RangeError("The cases do not fit");
  const end = Math.max(RAM + program.length, ...segments.map((s) => s.address + s.bytes.length));
  const image = new Uint8Array(end - RAM);
  image.set(program);
  for (const { address, bytes } of segments) image.set(bytes, address - RAM);
  const bytes = await run(image);
  const words = new BigUint64Array(bytes.slice(0, bytes.length & ~7).buffer);
  const results: bigint[][] = [];
  for (let at = 0; at < words.length; at += 1 + Number(words[at])) {
    results.push([...words.subarray(at + 1, at + 1 + Number(words[at]))]);
  }
  if (results.length !== cases.length) {
    throw new Error(`Only ${results.length} of ${cases.length} cases came to their end`);
  }
  return results;
}

/** Differences between the two machines, in words; those that a case announces must be as it says. */
export function compare(
  cases: readonly GuestCase[],
  theirs: readonly bigint[][],
  ours: readonly bigint[][],
): string[] {
  const text = (values: readonly bigint[]) =>
    values.map((value) => `0x${BigInt.asUintN(64, value).toString(16)}`).join(" ");
  return cases.flatMap(({ name, instead }, i) => {
    const departure = instead?.values(theirs[i]);
    const expected = text(departure ?? theirs[i]);
    if (departure !== undefined && text(theirs[i]) === expected) {
      return [`${name}: QEMU does what the case expects of us alone`];
    }
    return text(ours[i]) === expected
      ? []
      : [`${name}:\n  expected ${expected}\n  ours     ${text(ours[i])}`];
  });
}

function guest(cases: readonly GuestCase[]): string {
  return `
        la s10, values
        ${cases.map(({ text }, i) => caseText(text, i)).join("\n")}
        li t0, 0x100000                 # test finisher
        li t1, 0x5555
        sw t1, 0(t0)
stop:   j stop

reset:  la t0, machine_trap             # the state that each case begins with
        csrw mtvec, t0
        la t0, supervisor_trap
        csrw stvec, t0
        csrw medeleg, zero
        csrw mideleg, zero
        csrw mie, zero
        csrw mip, zero
        csrw satp, zero
        sfence.vma zero, zero
        csrw mcounteren, zero
        csrw scounteren, zero
        csrw pmpcfg0, zero
        csrw pmpcfg2, zero
        li t0, -1                       # PMP entry 15: all of memory is open to all modes
        csrw pmpaddr15, t0
        li t0, 0x1f00000000000000
        csrw pmpcfg2, t0
        li t0, 0x200006000              # UXL 64, FS dirty
        csrw mstatus, t0
        csrw mscratch, zero
        csrw sscratch, zero
        csrw mepc, zero
        csrw sepc, zero
        csrw mcause, zero
        csrw scause, zero
        csrw mtval, zero
        csrw stval, zero
        li t0, -1
        csrw stimecmp, t0
        li t1, ${MTIMECMP}
        sd t0, 0(t1)
        ret

send:   la t0, values                   # how many values, and the values
        sub t1, s10, t0
        srli t1, t1, 3
        li s0, 0x10000000
send_next:
        li t3, 8
send_byte:
        lbu t4, 5(s0)
        andi t4, t4, 0x20
        beq t4, zero, send_byte
        sb t1, 0(s0)
        srli t1, t1, 8
        addi t3, t3, -1
        bne t3, zero, send_byte
        beq t0, s10, send_done
        ld t1, 0(t0)
        addi t0, t0, 8
        j send_next
send_done:
        la s10, values
        ret

        .align 256
machine_trap:                           # interrupts of a vectored table enter further down
        ${Array.from({ length: 16 }, (_, i) => `j machine_trap_${i}`).join("\n")}
        ${
    Array.from({ length: 16 }, (_, i) => `
machine_trap_${i}:
        csrw mscratch, t0
        li t0, ${i}
        j machine_trap_body`).join("\n")
  }
machine_trap_body:
        csrw sscratch, t1
        li t1, ${CALL_LEAVE}
        beq t1, a7, machine_leave
        beq t0, zero, machine_direct
        addi t0, t0, 0x700              # 0x7vv: through vector vv
        sd t0, 0(s10)
        addi s10, s10, 8
machine_direct:
        ${
    ["mcause", "mtval", "mepc", "mstatus"].map((name, i) => `
        csrr t0, ${name}
        sd t0, ${i * 8}(s10)`).join("\n")
  }
        addi s10, s10, 32
machine_leave:
        li a7, 0
        csrw mie, zero
        li t0, ${MPRV}
        csrc mstatus, t0
        csrr t1, sscratch
        csrr t0, mscratch
        jalr zero, 0(s11)

        .align 256
supervisor_trap:
        ${Array.from({ length: 16 }, (_, i) => `j supervisor_trap_${i}`).join("\n")}
        ${
    Array.from({ length: 16 }, (_, i) => `
supervisor_trap_${i}:
        csrw sscratch, t0
        li t0, ${i}
        j supervisor_trap_body`).join("\n")
  }
supervisor_trap_body:
        beq t0, zero, supervisor_direct
        addi t0, t0, 0x700
        sd t0, 0(s10)
        addi s10, s10, 8
supervisor_direct:
        li t0, 5
        sd t0, 0(s10)
        ${
    ["scause", "stval", "sepc", "sstatus"].map((name, i) => `
        csrr t0, ${name}
        sd t0, ${8 + i * 8}(s10)`).join("\n")
  }
        addi s10, s10, 40
        li a7, ${CALL_LEAVE}
        ecall

        .align 4096
values: .zero 65536`;
}

function caseText(text: string, index: number): string {
  const body = text.replaceAll("$", String(index))
    .replace(/\bshow (\w+)/g, "sd $1, 0(s10)\naddi s10, s10, 8")
    .replace(/\benter ([MSU]), (\w+)/g, (_, mode, label) => enter(mode, label))
    .replace(/\bleave\b/g, `li a7, ${CALL_LEAVE}\necall`);
  return `
        call reset
        la s11, case_${index}_end
        li a7, 0
        ${body}
case_${index}_end:
        call send`;
}

function enter(mode: string, label: string): string {
  return `
        li t0, 0x1800
        csrc mstatus, t0
        li t0, ${{ M: 0x1800, S: 0x800, U: 0 }[mode]}
        csrs mstatus, t0
        la t0, ${label}
        csrw mepc, t0
        mret`;
}
