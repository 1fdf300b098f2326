/**
 * Page walks: entries of every kind, superpages, canonical addresses, A and D, accesses that cross a
 * page. Values come from QEMU 7.2, which updates A and D by itself as our machine does.
 * Source: RISC-V privileged specification, 12.3 to 12.6.
 */
import { assertEquals } from "@std/assert";
import { hasPeer } from "../peer.ts";
import { compare, FREE, type GuestCase, runGuestCases } from "./guest_cases.ts";
import { OUR_MACHINES, runOnQemu } from "./machines.ts";
import { PageTables, PTE, pte, type Scheme, SCHEMES } from "./page_tables.ts";

const { V, R, W, X, U, G, A, D } = PTE;
const FULL = V | R | W | X | A | D;
const TABLES = FREE;
/** Two pages of data and code. */
const PAGE = 0x8060_0000;
const NEXT_PAGE = PAGE + 0x1000;
const MIB2 = 2 << 20;
const OUTSIDE = 0x40_0000_0000;

interface Mapping {
  readonly name: string;
  readonly bits: bigint;
  readonly physical?: number;
  readonly level?: number;
}

const MAPPINGS: readonly Mapping[] = [
  { name: "all rights", bits: FULL },
  { name: "all rights, U", bits: FULL | U },
  { name: "global", bits: FULL | G },
  { name: "not valid", bits: FULL & ~V },
  { name: "read only", bits: V | R | A | D },
  { name: "read only, U", bits: V | R | U | A | D },
  { name: "execute only", bits: V | X | A | D },
  { name: "execute only, U", bits: V | X | U | A | D },
  { name: "read and execute", bits: V | R | X | A | D },
  { name: "write without read", bits: V | W | A | D },
  { name: "write and execute without read", bits: V | W | X | A | D },
  { name: "not accessed", bits: FULL & ~A & ~D },
  { name: "not dirty", bits: FULL & ~D },
  { name: "not accessed, U", bits: (FULL | U) & ~A & ~D },
  { name: "read only, not dirty", bits: V | R | A },
  { name: "read only, not accessed", bits: V | R },
  { name: "RSW bits", bits: FULL | 0x300n },
  { name: "reserved bit 54", bits: FULL | 1n << 54n },
  { name: "reserved bit 60", bits: FULL | 1n << 60n },
  { name: "PBMT", bits: FULL | 1n << 61n },
  { name: "N", bits: FULL | 1n << 63n },
  { name: "pointer in the last level", bits: V },
  { name: "page outside memory", bits: FULL, physical: OUTSIDE },
  { name: "2 MiB", bits: FULL, physical: PAGE, level: 1 },
  { name: "2 MiB, not accessed", bits: V | R | W | X, physical: PAGE, level: 1 },
  { name: "2 MiB, misaligned", bits: FULL, physical: NEXT_PAGE, level: 1 },
  { name: "1 GiB", bits: FULL, physical: 0x8000_0000, level: 2 },
  { name: "1 GiB, misaligned", bits: FULL, physical: 0x8000_0000 + MIB2, level: 2 },
  { name: "table outside memory", bits: V, physical: OUTSIDE, level: 1 },
  { name: "table pointer with A", bits: V | A, physical: PAGE, level: 1 },
  { name: "table pointer with D", bits: V | D, physical: PAGE, level: 1 },
  { name: "table pointer with U", bits: V | U, physical: PAGE, level: 1 },
  { name: "table pointer with G", bits: V | G, physical: PAGE, level: 1 },
];

const SUM = 1 << 18;
const MXR = 1 << 19;
const MPRV = 1 << 17;
const SUPERVISOR = 0x800;

interface Access {
  readonly name: string;
  readonly mode: "S" | "U";
  /** Bits of mstatus. */
  readonly status: number;
  readonly kind: "load" | "store" | "amo" | "fetch";
}

const ACCESSES: readonly Access[] = (["S", "U"] as const).flatMap((mode) =>
  [0, SUM, MXR, SUM | MXR].flatMap((status) =>
    (["load", "store", "amo", "fetch"] as const)
      .filter((kind) => status === 0 || kind === "load" || (status === SUM && mode === "S"))
      .map((kind) => ({
        name: `${kind} in ${mode}${status & SUM ? ", SUM" : ""}${status & MXR ? ", MXR" : ""}`,
        mode,
        status,
        kind,
      }))
  )
);

/** Where QEMU departs: from the specification's chapter 12.3.2, step 2, and from 3.1.15. */
function departure(mapping: string, { kind }: Access, accessed: boolean): GuestCase["instead"] {
  return {
    values: ([cause, tval, epc, status, entry]) => {
      if (entry === undefined) return undefined; // no trap
      let right = cause;
      // QEMU checks the right to read first: it reports its lack as that of a load, and sets A.
      if (kind === "amo" && (cause === 13n || cause === 5n)) right = cause + 2n;
      const untouched = kind === "amo" && !accessed ? entry & ~A : entry;
      if (mapping === "table outside memory") {
        right = { load: 5n, store: 7n, amo: 7n, fetch: 1n }[kind];
      }
      return right === cause && untouched === entry
        ? undefined
        : [right, tval, epc, status, untouched];
    },
    because: "AMO raises store/AMO exceptions (privileged, 3.1.15); an entry that cannot be read " +
      "raises an access fault (12.3.2, step 2)",
  };
}

for (const scheme of Object.keys(SCHEMES) as Scheme[]) {
  const cases: GuestCase[] = [];
  const tables = new PageTables(scheme, TABLES);
  const top = BigInt(12 + 9 * SCHEMES[scheme].levels);
  MAPPINGS.forEach((mapping, i) => {
    // Each has a gigapage of the address space to itself, at an offset of 4 MiB.
    const virtual = BigInt(i + 4) << 30n | 0x40_0000n;
    const entry = tables.put(virtual, mapping.physical ?? PAGE, mapping.bits, mapping.level ?? 0);
    for (const access of ACCESSES) {
      cases.push(probe(mapping.name, tables, access, virtual, entry, (mapping.bits & A) !== 0n));
    }
  });
  cases.push(...canonical(tables, top), ...crossing(tables), ...withoutUpdates(tables));
  if (SCHEMES[scheme].levels > 3) {
    const virtual = 1n << 39n;
    tables.put(virtual, 0, FULL, 3);
    cases.push(probe("512 GiB", tables, ACCESSES[0], virtual + BigInt(PAGE), TABLES));
    tables.put(2n << 39n, 1 << 30, FULL, 3);
    cases.push(probe("512 GiB, misaligned", tables, ACCESSES[0], (2n << 39n) + 64n, TABLES));
  }
  if (SCHEMES[scheme].levels > 4) {
    tables.put(1n << 48n, 0, FULL, 4);
    cases.push(probe("256 TiB", tables, ACCESSES[0], (1n << 48n) + BigInt(PAGE), TABLES));
  }
  const segments = [...tables.segments, { address: PAGE, bytes: code() }];

  Deno.test(`${scheme} translates as QEMU does`, async () => {
    if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
    const theirs = await runGuestCases(runOnQemu, cases, segments);
    console.log(`${cases.length} cases, ${theirs.flat().length} values`);
    for (const { name, run } of OUR_MACHINES) {
      const ours = await runGuestCases(run, cases, segments);
      assertEquals(compare(cases, theirs, ours).slice(0, 20).join("\n"), "", name);
    }
  });
}

/** Two pages of an illegal instruction; the first one ends in half of a 4-byte instruction. */
function code(): Uint8Array {
  const halves = new Uint16Array(0x2000 / 2).fill(0x8002);
  halves[0x1000 / 2 - 1] = 0x0013; // addi zero, zero, …
  return new Uint8Array(halves.buffer);
}

/** One access; reports what it read or how it trapped, and the entry afterwards. */
function probe(
  name: string,
  tables: PageTables,
  access: Access,
  virtual: bigint,
  entry: number,
  accessed = true,
): GuestCase {
  return {
    name: `${name}: ${access.name}`,
    instead: departure(name, access, accessed),
    text: `
      li a3, ${entry}
      ld s8, 0(a3)
      la s11, out_$
      ${translated(tables, access, virtual)}
      out_$: li t0, ${MPRV}
      csrc mstatus, t0
      csrw satp, zero
      li a3, ${entry}
      ld a4, 0(a3)
      show a4
      sd s8, 0(a3)`,
  };
}

function translated(tables: PageTables, access: Access, virtual: bigint): string {
  const { mode, status, kind } = access;
  const instruction = {
    load: "ld a1, 0(a0)\nshow_a1",
    store: "sd a1, 0(a0)",
    amo: "amoor.d a1, zero, (a0)\nshow_a1",
    fetch: "",
  }[kind];
  const bits = status | (mode === "S" ? SUPERVISOR : 0) | (kind === "fetch" ? 0 : MPRV);
  return `
      li a0, ${virtual}
      li a1, 0x8002800280028002
      li a2, ${tables.satp}
      csrw satp, a2
      sfence.vma zero, zero
      li t0, ${bits}
      ${kind === "fetch" ? "csrw mepc, a0" : ""}
      csrs mstatus, t0
      ${
    kind === "fetch"
      ? "mret"
      : instruction.replace("show_a1", `li t0, ${MPRV}\ncsrc mstatus, t0\nshow a1`)
  }`;
}

/** Addresses whose upper bits are not copies of the highest bit that is translated. */
function canonical(tables: PageTables, top: bigint): GuestCase[] {
  const good = 4n << 30n | 0x40_0000n;
  const addresses = [
    good | 1n << top,
    good | 1n << (top - 1n),
    good | 1n << 63n,
    good | -1n << top,
    good | -1n << (top - 1n),
    -8n,
  ];
  return addresses.flatMap((virtual) =>
    ACCESSES.filter(({ status }) => status === 0).map((access) =>
      probe(
        `canonical ${BigInt.asUintN(64, virtual).toString(16)}`,
        tables,
        access,
        virtual,
        TABLES,
      )
    )
  );
}

/** With menvcfg.ADUE clear (Svade) an entry that would have to be updated raises a page fault. */
function withoutUpdates(tables: PageTables): GuestCase[] {
  const lacking: readonly (readonly [string, bigint, Access["kind"], bigint])[] = [
    ["A", V | R | W | X, "load", 13n],
    ["A", V | R | W | X, "store", 15n],
    ["A", V | R | W | X, "fetch", 12n],
    ["D", V | R | W | X | A, "store", 15n],
    ["D", V | R | W | X | A, "amo", 15n],
  ];
  return lacking.map(([bit, bits, kind, cause], i) => {
    const virtual = BigInt(i + 80) << 30n;
    const entry = tables.put(virtual, PAGE, bits);
    return {
      name: `ADUE clear, ${bit} clear: ${kind}`,
      text: `
        csrw menvcfg, zero
        csrw mcause, zero
        csrw mtval, zero
        mv s9, s10
        la s11, out_$
        ${translated(tables, { name: "", mode: "S", status: 0, kind }, virtual)}
        out_$: li t0, ${MPRV}
        csrc mstatus, t0
        csrw satp, zero
        li a0, ${1n << 61n}
        csrw menvcfg, a0
        mv s10, s9
        csrr a1, mcause
        csrr a2, mtval
        li a3, ${entry}
        ld a4, 0(a3)
        show a1\nshow a2\nshow a4`,
      instead: {
        values: () => [cause, virtual, pte(PAGE, bits)],
        because: "Svade (privileged, 12.3.1); QEMU 7.2 has no ADUE and always updates",
      },
    };
  });
}

/** Accesses across the end of a page, the next of which has less rights or lies elsewhere. */
function crossing(tables: PageTables): GuestCase[] {
  const seconds: readonly (readonly [string, bigint, number])[] = [
    ["to a page elsewhere", FULL, PAGE],
    ["to an invalid page", 0n, PAGE],
    ["to a read-only page", V | R | A | D, NEXT_PAGE],
    ["to a page outside memory", FULL, OUTSIDE],
    ["to a page not accessed", V | R | W | X, NEXT_PAGE],
    ["to the page behind", FULL, NEXT_PAGE],
  ];
  return seconds.flatMap(([name, bits, physical], i) => {
    const virtual = BigInt(i + 60) << 30n;
    tables.put(virtual, PAGE, FULL);
    const entry = tables.put(virtual + 0x1000n, physical, bits);
    return ACCESSES.filter(({ kind, mode, status }) =>
      kind !== "amo" && mode === "S" && status === 0
    ).map((access) =>
      probe(
        `across ${name}`,
        tables,
        access,
        virtual + (access.kind === "fetch" ? 0xffen : 0xffcn),
        entry,
      )
    );
  });
}
