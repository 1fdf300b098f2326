/**
 * Every CSR: what it holds at reset, and what it keeps of all ones, all zeros and single bits.
 * Values come from QEMU 7.2; the differences are listed with the section that allows or obliges them.
 * Source: RISC-V privileged specification, chapters 2, 3 and 12.
 */
import { assertEquals } from "@std/assert";
import { CSR_NUMBERS } from "../../core/isa/registers.ts";
import { hasPeer } from "../peer.ts";
import { type GuestCase, runGuestCases } from "./guest_cases.ts";
import { OUR_MACHINES, runOnQemu } from "./machines.ts";

/** What is written. */
const PATTERNS = [-1n, 0n, 0x5555555555555555n, 0x2aaaaaaaaaaaaaaan, 0x0f0f0f0f0f0f0f0fn];

/** They count. */
const COUNTERS = /^(cycle|time|instret|mcycle|minstret)$/;

/** CSRs in which ours differs from QEMU: it reads as `(written & writable) | fixed`. */
interface Difference {
  readonly csrs: RegExp;
  /** Absent: writing is an illegal instruction, and reading too unless there is a `reset`. */
  readonly writable?: bigint;
  readonly fixed?: bigint;
  /** As the cases find it; `fixed` if absent. */
  readonly reset?: bigint;
  /** What it reads as instead where the value is reserved. */
  readonly legal?: (value: bigint, reset: bigint) => bigint;
  readonly because: string;
}

const MPP = 3n << 11n;
const MPP_RESERVED = 2n << 11n;
const PMPADDR_BITS = (1n << 54n) - 1n;

const DIFFERENCES: readonly Difference[] = [
  {
    csrs: /^mstatus$/,
    writable: 0x7e79aan,
    fixed: 0xa_0000_0000n,
    reset: 0x8000000a_00006000n,
    legal: (value) => withSd((value & MPP) === MPP_RESERVED ? value & ~MPP : value),
    because: "SXL and UXL are constant, VS is 0 without the V extension (3.1.6.2, 3.1.6.6)",
  },
  {
    csrs: /^sstatus$/,
    writable: 0xc6122n,
    fixed: 0x2_0000_0000n,
    reset: 0x80000002_00006000n,
    legal: withSd,
    because: "UXL is constant, VS is 0 without the V extension (12.1.1)",
  },
  { csrs: /^[ms]counteren$/, writable: 0xffff_ffffn, because: "32 bits (3.1.11, 12.1.5)" },
  {
    csrs: /^senvcfg$/,
    writable: 1n,
    because: "CBIE, CBCFE, CBZE belong to Zicbom, Zicboz (12.1.10)",
  },
  { csrs: /^[ms]epc$/, writable: -2n, because: "bit 0 is always 0 (3.1.14, 12.1.7)" },
  {
    csrs: /^medeleg$/,
    writable: 0xb3ffn,
    because: "calls from M cannot be delegated (3.1.8); the others belong to the H extension",
  },
  {
    csrs: /^mideleg$/,
    writable: 0x222n,
    because: "the other bits belong to H and Sscofpmf (3.1.9)",
  },
  { csrs: /^mip$/, writable: 0x222n, because: "the other bits belong to H and Sscofpmf (3.1.9)" },
  { csrs: /^mie$/, writable: 0xaaan, because: "the other bits belong to H and Sscofpmf (3.1.9)" },
  {
    csrs: /^menvcfg$/,
    writable: 0xa000_0000_0000_0001n,
    reset: 1n << 61n,
    because:
      "ADUE exists and is 1 at reset (the machine's design); PBMTE belongs to Svpbmt (3.1.18)",
  },
  {
    csrs: /^(mhpmevent|mhpmcounter)\d+$/,
    writable: 0n,
    because: "no event is counted: both may be read-only 0 (3.1.10)",
  },
  { csrs: /^mcountinhibit$/, writable: 5n, because: "only CY and IR have a counter (3.1.12)" },
  {
    csrs: /^pmpcfg0$/,
    writable: 0x1f1f1f1f_1f1f1f1fn,
    legal: legalPmp,
    because: "bits 5 and 6 of each entry are 0, W without R is reserved (3.7.1)",
  },
  {
    csrs: /^pmpcfg2$/,
    writable: 0x1f1f1f1f_1f1f1f1fn,
    reset: 0x1f00_0000_0000_0000n,
    legal: legalPmp,
    because: "the same",
  },
  {
    csrs: /^pmpaddr(\d|1[0-4])$/,
    writable: PMPADDR_BITS,
    because: "bits 55 to 2 of an address (3.7.1)",
  },
  { csrs: /^pmpaddr15$/, writable: PMPADDR_BITS, reset: PMPADDR_BITS, because: "the same" },
  { csrs: /^(marchid|mimpid)$/, reset: 0n, because: "0: not implemented (3.1.3, 3.1.4)" },
  { csrs: /^(tselect|tdata\d)$/, because: "no trigger module (debug specification: optional)" },
];

/** Without the lock of a PMP entry: it would hold until reset. */
function patternsOf(name: string): readonly bigint[] {
  return name.startsWith("pmpcfg") ? PATTERNS.map((each) => each & 0x7f7f7f7f7f7f7f7fn) : PATTERNS;
}

/** SD tells that FS is dirty. */
function withSd(value: bigint): bigint {
  return (value & 0x6000n) === 0x6000n ? value | 1n << 63n : value;
}

/** Each entry for itself: a reserved value leaves it as it was. */
function legalPmp(value: bigint, reset: bigint): bigint {
  let legal = 0n;
  for (let shift = 0n; shift < 64n; shift += 8n) {
    const entry = (value >> shift) & 0xffn;
    legal |= ((entry & 3n) === 2n ? (reset >> shift) & 0xffn : entry) << shift;
  }
  return legal;
}

function casesOf(name: string): GuestCase {
  return {
    name,
    text: `
      csrr s0, ${name}
      show s0
      ${
      patternsOf(name).map((pattern) => `
      li a0, ${pattern}
      csrrw zero, ${name}, a0
      csrr a1, ${name}
      csrrw zero, ${name}, s0
      show a1`).join("\n")
    }`,
  };
}

const NAMES = [...CSR_NUMBERS.keys()].filter((name) => !COUNTERS.test(name));

Deno.test("every CSR keeps what QEMU keeps, or what the specification says", async () => {
  if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
  const cases = NAMES.map(casesOf);
  const theirs = await runGuestCases(runOnQemu, cases);
  for (const { name, run } of OUR_MACHINES) {
    const ours = await runGuestCases(run, cases);
    const wrong = NAMES.flatMap((csr, i) => {
      const difference = DIFFERENCES.find(({ csrs }) => csrs.test(csr));
      const expected = difference === undefined ? text(theirs[i]) : expectedText(csr, difference);
      return text(ours[i]) === expected
        ? []
        : [`${csr}:\n  QEMU ${text(theirs[i])}\n  expected ${expected}\n  ours ${text(ours[i])}`];
    });
    assertEquals(wrong.join("\n"), "", name);
  }
  console.log(`${NAMES.length} CSRs; ours differ from QEMU in:`);
  for (const { csrs, because } of DIFFERENCES) console.log(`  ${csrs.source}: ${because}`);
});

/** What a case reported. A trap comes at the first read or, for a read-only CSR, the first write. */
function text(values: readonly bigint[]): string {
  const hex = (each: bigint) => BigInt.asUintN(64, each).toString(16);
  if (values.length === 1 + PATTERNS.length) return values.map(hex).join(" ");
  return [...values.slice(0, -4).map(hex), `trap ${values[values.length - 4]}`].join(" ");
}

function expectedText(name: string, difference: Difference): string {
  const { writable, fixed = 0n, legal = (value: bigint) => value } = difference;
  const reset = difference.reset ?? fixed;
  if (writable === undefined) return difference.reset === undefined ? "trap 2" : `${reset} trap 2`;
  return text([
    reset,
    ...patternsOf(name).map((each) => legal(each & writable | fixed, reset)),
  ]);
}
