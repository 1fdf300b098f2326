/**
 * The linear memory of a machine: where each field of each hart, every table and guest RAM lies.
 *
 * Nothing else in the project knows an address in this memory. All scalar fields are 8 bytes.
 */
import { type I64, long, type Void } from "../wasm/code.ts";

/** Scalars of a hart that are its state; named after their CSR where they back one. */
const CANONICAL = [
  "pc",
  /** 0 user, 1 supervisor, 3 machine. */
  "privilege",
  /** 1 after `wfi`, until an enabled interrupt is pending. */
  "waiting",
  /** The virtual address that `lr` reserved, -1 if there is none, and the number of its page of RAM. */
  "reservation",
  "reservationPage",
  /** Instructions retired since reset. */
  "retired",
  /** `minstret` = retired + this; `mcycle` = cycle + this. While inhibited, the frozen value itself. */
  "instretOffset",
  "cycleOffset",
  "fflags",
  "frm",
  "mstatus",
  "medeleg",
  "mideleg",
  "mie",
  /** The bits of `mip` that software writes: SSIP, STIP, SEIP. */
  "mipSoftware",
  /** The bits of `mip` that lines drive: MSIP, MTIP, MEIP, SEIP, and STIP from `stimecmp`. */
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
  "pmpcfg0",
  "pmpcfg2",
] as const;

/** Scalars that are derived from the state, or live only while the hart runs. */
const DERIVED = [
  "hartid",
  /** The trap that an access or a check has just found: nonzero, cause, tval. */
  "fault",
  "faultCause",
  "faultTval",
  /** Cycles left in this slice, cycles it began with, and how many of those retired nothing. */
  "left",
  "granted",
  "notRetired",
  /** How many of those took an interrupt; whoever asks sets it to 0 first. */
  "interrupted",
  /** Where the last walk found its leaf PTE (an address in this memory); 0 when there was none. */
  "leafPte",
  /** PMP entries in use: one more than the number of the last that is not OFF. */
  "pmpCount",
  /** The word last decoded into the straddle record. */
  "straddleWord",
  /** The regime of loads and stores. */
  "regime",
  /** Why compiled code must leave after the call it has just made: see {@link LEAVE}. */
  "leave",
  /** Returns to user mode; counted only where the engine lints. */
  "userReturns",
] as const;

export type HartField = typeof CANONICAL[number] | typeof DERIVED[number];

/** Slot 32 of the x file takes the writes to x0. */
export const X0_SINK = 32;
/** Byte offsets within a hart's block. */
export const X = 0;
export const F = X + 33 * 8;
export const PMPADDR = F + 32 * 8;
export const REGISTER_BYTES = PMPADDR;
/** Hart 0's registers while another hart's are in their place: see {@link RUNNING_REGISTERS}. */
export const REGISTERS_OF_HART_0 = 0x100;
/** First byte and first byte beyond of each PMP entry; equal if it matches nothing. */
export const PMP_LOW = PMPADDR + 16 * 8;
export const PMP_HIGH = PMP_LOW + 16 * 8;
const SCALARS = PMP_HIGH + 16 * 8;

const FIELD_OFFSETS = Object.fromEntries(
  [...CANONICAL, ...DERIVED].map((name, index) => [name, SCALARS + index * 8]),
) as Record<HartField, number>;

/** Byte offset of a scalar within its hart's block. */
export function offsetOf(field: HartField): number {
  return FIELD_OFFSETS[field];
}

/** The canonical scalars, in order. */
export const CANONICAL_FIELDS: readonly HartField[] = CANONICAL;

/** The value of a hart's field. */
export function get(hart: I64, field: HartField): I64 {
  return hart.load64(FIELD_OFFSETS[field]);
}

/** Sets a hart's field. */
export function put(hart: I64, field: HartField, value: I64 | number | bigint): Void {
  return hart.store64(long(value), FIELD_OFFSETS[field]);
}

/**
 * A decoded instruction: a word of 8 bytes for each 2-byte slot of a page. Bytes from its start.
 *
 * `op` has 2 bytes and is 0 where nothing is decoded yet. `imm` is the upper 3, signed; no
 * instruction has it and `rm` or `rs3`. Of lui and auipc it is the immediate's upper 20 bits. CSR
 * instructions have the CSR's position in the access function's table in `rs2`.
 */
export const RECORD = { op: 0, rd: 2, rs1: 3, rs2: 4, imm: 5, rm: 5, rs3: 6 } as const;
export const RECORD_BYTES = 8;
/** pc = (record address >> this) + delta */
export const PC_SHIFT = 2;
/** Bit of `op`: compiled code can be entered here. The lower bits stay those of the instruction. */
export const OP_COMPILED = 0x8000;

/** Slots of a page; the record behind the last one is the page-end record. */
export const SLOTS = 2048;

/** Data TLBs and the fetch TLB of one translation regime; 256 entries of tag and addend. */
export const TLB_ENTRIES_MAX = 256;
export const TLB_READ = 0;
export const TLB_WRITE = 0x1000;
export const TLB_FETCH = 0x2000;
/** Beside each entry: the leaf PTE it came from. 8 bytes an entry, at half the offset. */
export const TLB_LEAVES = 0x3000;
const TLB_REGIME_BYTES = 0x4800;
/** The regimes: user, supervisor, supervisor with SUM, machine. Fetches never use the third. */
export const REGIME = { user: 0, supervisor: 1, supervisorSum: 2, machine: 3 } as const;
export const REGIMES = 4;
const TLB = 0x1000;

/** Bytes from a hart's block to the TLBs of a regime. */
export function tlbOffset(regime: number): number {
  return TLB + regime * TLB_REGIME_BYTES;
}

export { TLB_REGIME_BYTES };

/** One byte per hash of a leaf PTE's address: whether any TLB entry may come from it. */
export const LEAF_FILTER = tlbOffset(REGIMES);
export const LEAF_FILTER_BYTES = 1024;

/** The straddle record of a hart, and the page-end record behind it. */
export const STRADDLE_RECORD = LEAF_FILTER + LEAF_FILTER_BYTES;

/**
 * The walk cache: by virtual address / 2 MiB, that address and the table in which its walk ended (a
 * physical address, with the table's level in its low bits).
 */
export const WALK_CACHE = STRADDLE_RECORD + 0x40;
export const WALK_CACHE_ENTRIES = 64;

/** Address of the first hart's block. */
const HARTS = 0x1000;

/**
 * While a hart runs, its x and f registers are here, whichever hart it is: a constant address spares
 * the interpreter an addition for every operand. Hart 0 has them here always.
 */
export const RUNNING_REGISTERS = HARTS;

/** Bytes of a hart's block: a multiple of 64 KiB plus a little, so that harts do not collide in caches. */
export const HART_BYTES = 0x14000;

/** Bits of a page's flag byte. A page with none of them may have write entries in TLBs. */
export const PAGE = {
  /** Not written since the last digest. */
  clean: 1,
  /** Has decoded instructions. */
  code: 2,
  /** A walk has read a PTE of it. */
  table: 4,
  /** Stores to it are looked at one by one. */
  watched: 8,
  /** ROM: stores change nothing. */
  readOnly: 16,
} as const;

/** Fields of the machine's own block, at these addresses. */
export const MACHINE = {
  /** Cycle at which the running slice began (i64). */
  sliceStart: 8,
  /** `mtime` - cycle / 100 (i64). */
  mtimeOffset: 16,
  /** Upper half of an MMIO load's answer, and whether the access failed (i32 each). */
  mmioHigh: 24,
  mmioFault: 28,
  /** Pages written since the list was last taken (i32). */
  dirtyCount: 32,
  /** Decoded pages ever handed out, and the head of the list of free ones (i32 each). */
  decodedCount: 36,
  decodedFree: 40,
  /** Pages with the `table` flag (i32). */
  tableCount: 44,
  /** Cycles that ran in tier 1, and how often tier 0 went there (i64 each). */
  compiledCycles: 48,
  compiledCalls: 56,
  /** Whether TLB entries, perhaps those in use, have gone since somebody set this to 0 (i32). */
  entriesDropped: 64,
  /** Whether compiled code is making a call: it leaves by itself where its translations go (i32). */
  inCompiled: 68,
  /** The record at which tier 0 went to tier 1 last (i32: its address). */
  lastEntry: 72,
  /** Whether the slice was cut since somebody set this to 0, even after its last instruction (i32). */
  cut: 76,
  /** Addresses of the running hart's TLBs: of its loads and stores, and of its fetches (i64 each). */
  tlb: 80,
  fetchTlb: 88,
} as const;

/** The page caches of the running hart; 16 bytes for each base register and kind of access. */
export const PAGE_CACHES = 0x400;

/** Physical address of DRAM and of the reset ROM. */
export const DRAM = 0x8000_0000;
export const ROM = 0x1000;
export const ROM_BYTES = 0xf000;

/** Decoded pages that exist at most; then all are dropped. */
export const DECODED_PAGES = 2048;
/**
 * From a record to what tier 1 knows of it: how often tier 0 has jumped there (i32: a count, and
 * {@link JUMPED_FAR}), and where its compiled code is (i32: table index and number of the entry).
 */
export const HEAT = 2056 * RECORD_BYTES;
export const ENTRY = HEAT + 4;
/** Bit of the count: some of these jumps came from another page, or were indirect. */
export const JUMPED_FAR = 0x8000_0000;
/** An entry is table index << this | number of the entry within its function. */
export const ENTRY_BITS = 11;
/** {@link SLOTS} records, the page-end record, a header; heat and entries; an odd tail against cache collisions. */
export const DECODED_BYTES = 2 * HEAT + 64;
/**
 * Header of a decoded page: physical page number, stores to it since it was decoded, next free, and
 * whether it has compiled code (i32 each).
 */
export const DECODED_HEADER = 2049 * RECORD_BYTES;
export const HEADER = { page: 0, stores: 4, nextFree: 8, compiled: 12 } as const;

/** Values of a hart's `leave`. `cut`: the instruction is complete. `fault`: it has trapped. */
export const LEAVE = { stay: 0, cut: 1, fault: 2 } as const;
/** Compiled code is entered with at least this many cycles left; no block of it is longer. */
export const BLOCK_CYCLES_MAX = 64;
/** More pages with the `table` flag than this: drop all translations instead. */
export const TABLE_PAGES = 4096;

/**
 * What an engine that lints remembers of walks, for each hart: by virtual page and ASID, the page,
 * `satp` and the leaf PTE that was found. 32 bytes each.
 */
export const KNOWN_WALKS = 2048;
export const KNOWN_WALK_BYTES = 32;

/** Addresses that depend on the size of RAM and the number of harts. */
export interface Layout {
  readonly harts: number;
  readonly memoryBytes: number;
  /** Physical pages: RAM, then ROM. */
  readonly pages: number;
  readonly tlbEntries: number;
  /** One flag byte per page. */
  readonly pageFlags: number;
  /** One i32 per page: its decoded page's number plus one, or 0. */
  readonly codeMap: number;
  /** One byte per page for each hart, one hart after another: its PMP rights below machine mode. */
  readonly pmpRights: number;
  /** i32 page numbers. */
  readonly dirtyList: number;
  readonly tableList: number;
  readonly decoded: number;
  /** RAM, and the ROM behind it. */
  readonly ram: number;
  /** {@link KNOWN_WALKS} of each hart; `undefined` where the engine does not lint. */
  readonly knownWalks: number | undefined;
  /** Wasm pages of 64 KiB. */
  readonly wasmPages: number;
}

/** Lays a machine's memory out. @param linting see `EngineShape` */
export function layoutOf(
  memoryBytes: number,
  harts: number,
  tlbEntries: number,
  linting = false,
): Layout {
  const pages = (memoryBytes + ROM_BYTES) / 4096;
  const pageFlags = hartBase(harts);
  const pmpRights = pageFlags + pages;
  const codeMap = align(pmpRights + pages * harts, 64);
  const dirtyList = codeMap + pages * 4;
  const tableList = dirtyList + pages * 4;
  const decoded = align(tableList + TABLE_PAGES * 4, 4096);
  const ram = align(decoded + DECODED_PAGES * DECODED_BYTES, 65536);
  const ramEnd = ram + memoryBytes + ROM_BYTES;
  const knownWalks = linting ? ramEnd : undefined;
  const end = ramEnd + (linting ? harts * KNOWN_WALKS * KNOWN_WALK_BYTES : 0);
  const wasmPages = Math.ceil(end / 65536);
  return {
    harts,
    memoryBytes,
    pages,
    tlbEntries,
    pageFlags,
    codeMap,
    pmpRights,
    dirtyList,
    tableList,
    decoded,
    ram,
    knownWalks,
    wasmPages,
  };
}

/** Address of a hart's block. */
export function hartBase(hart: number): number {
  return HARTS + hart * HART_BYTES;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
