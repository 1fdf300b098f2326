/**
 * Which fields of a hart each CSR shows and changes. Source: RISC-V privileged specification,
 * chapters 2, 3 and 12; unprivileged specification, F.
 *
 * Left out: counters of cycles and time, which no two runs see alike, and `mcountinhibit`, which
 * freezes them.
 */
import type { HartField } from "../../../core/hart/layout.ts";
import type { Random } from "../../../core/random.ts";

/** A field of a hart, or all of its pmpaddr registers. */
export type TrialField = HartField | "pmpaddr";

interface CsrFields {
  readonly reads: readonly TrialField[];
  readonly writes: readonly TrialField[];
}

const own = (name: TrialField): CsrFields => ({ reads: [name], writes: [name] });

// A floating-point CSR is illegal while FS is off, and a write makes FS dirty.
const float = (...fields: TrialField[]): CsrFields => ({
  reads: [...fields, "mstatus"],
  writes: [...fields, "mstatus"],
});

/** By name. */
export const CSR_FIELDS: { readonly [name: string]: CsrFields } = {
  fflags: float("fflags"),
  frm: float("frm"),
  fcsr: float("fflags", "frm"),
  sstatus: own("mstatus"),
  mstatus: own("mstatus"),
  sie: { reads: ["mie", "mideleg"], writes: ["mie"] },
  mie: own("mie"),
  sip: { reads: ["mipSoftware", "mipLines", "mideleg"], writes: ["mipSoftware"] },
  mip: { reads: ["mipSoftware", "mipLines"], writes: ["mipSoftware"] },
  stvec: own("stvec"),
  mtvec: own("mtvec"),
  sscratch: own("sscratch"),
  mscratch: own("mscratch"),
  sepc: own("sepc"),
  mepc: own("mepc"),
  scause: own("scause"),
  mcause: own("mcause"),
  stval: own("stval"),
  mtval: own("mtval"),
  scounteren: own("scounteren"),
  mcounteren: own("mcounteren"),
  medeleg: own("medeleg"),
  mideleg: own("mideleg"),
  menvcfg: own("menvcfg"),
  senvcfg: own("senvcfg"),
  stimecmp: { reads: ["stimecmp", "mcounteren", "menvcfg"], writes: ["stimecmp"] },
  satp: { reads: ["satp", "mstatus"], writes: ["satp"] },
  minstret: { reads: ["retired", "instretOffset", "mcountinhibit"], writes: ["instretOffset"] },
  pmpaddr3: own("pmpaddr"),
};

/** The CSRs that a trial may name. */
export const CSR_CHOICE: readonly string[] = Object.keys(CSR_FIELDS);

const bit = (code: number) => 1n << BigInt(code);
const STATUS_BITS = [5, 7, 8, 18, 19, 20, 21, 22].map(bit); // not MIE, SIE, MPRV: see randomField
const S_INTERRUPTS = bit(1) | bit(5) | bit(9);
const LINES = bit(3) | bit(7) | bit(9) | bit(11);

/** Fields that a trial sets, in order. */
export const FIELDS: readonly HartField[] = [
  "fflags",
  "frm",
  "mstatus",
  "medeleg",
  "mideleg",
  "mie",
  "mipSoftware",
  "mipLines",
  "mtvec",
  "mscratch",
  "mepc",
  "mcause",
  "mtval",
  "mcounteren",
  "mcountinhibit",
  "menvcfg",
  "stvec",
  "sscratch",
  "sepc",
  "scause",
  "stval",
  "satp",
  "scounteren",
  "senvcfg",
  "stimecmp",
  "retired",
  "instretOffset",
  "cycleOffset",
];

/**
 * A value that a field may hold. Interrupts stay disabled, addresses untranslated: what a trap or a
 * page walk reads is not the instruction's own.
 */
export function randomField(field: TrialField, privilege: number, random: Random): bigint {
  const any = BigInt(random.next()) << 32n | BigInt(random.next());
  const machine = privilege === 3;
  switch (field) {
    case "fflags":
      return any & 31n;
    case "frm":
      return random.below(4) === 0 ? any & 7n : any % 5n;
    case "mstatus": {
      const bits = STATUS_BITS.reduce((sum, each) => sum | (any & each), 0n);
      const fs = random.below(8) === 0 ? 0n : BigInt(1 + random.below(3));
      return bits | [0n, 1n, 3n][random.below(3)] << 11n | fs << 13n;
    }
    case "medeleg":
      return any & 0xb3ffn;
    case "mideleg":
      return any & S_INTERRUPTS;
    case "mie":
      return any & (S_INTERRUPTS | LINES);
    // Below machine mode a pending interrupt would be taken in the instruction's stead.
    case "mipSoftware":
      return machine && random.below(2) === 0 ? any & S_INTERRUPTS : 0n;
    case "mipLines":
      return machine && random.below(2) === 0 ? any & LINES : 0n;
    case "mtvec":
    case "stvec":
      return any & ~2n;
    case "mepc":
    case "sepc":
      return any & ~1n;
    case "mcounteren":
    case "scounteren":
      return any & 0xffff_ffffn;
    case "mcountinhibit":
      return any & 5n;
    case "menvcfg":
      return any & (bit(61) | 1n);
    case "senvcfg":
      return any & 1n;
    case "satp":
      return machine ? any & ~(0xfn << 60n) | 8n << 60n : 0n;
    case "retired":
      return any >> 16n;
    default:
      return any;
  }
}
