/**
 * Physical memory protection: regions of every kind, priorities, locks, accesses that straddle.
 * Values come from QEMU 7.2. Source: RISC-V privileged specification, 3.7.
 */
import { assertEquals } from "@std/assert";
import { hasPeer } from "../peer.ts";
import { compare, FREE, type GuestCase, runGuestCases } from "./guest_cases.ts";
import { OUR_MACHINES, runOnQemu } from "./machines.ts";

const R = 1, W = 2, X = 4, TOR = 8, NA4 = 16, NAPOT = 24, L = 128;
const MPRV = 0x20000;
const SUPERVISOR = 0x800;

/** An entry of the PMP, as its two registers hold it. */
interface Entry {
  readonly config: number;
  readonly address: number;
}

/** The address register of a naturally aligned region. */
const napot = (base: number, sizeBytes: number) => base / 4 + sizeBytes / 8 - 1;

/** Sets the first entries. Behind them entry 15 opens everything to all modes. */
function setUp(entries: readonly Entry[]): string {
  const config = entries.reduce((all, entry, i) => all | BigInt(entry.config) << BigInt(8 * i), 0n);
  return entries.map(({ address }, i) => `li a0, ${address}\ncsrw pmpaddr${i}, a0`).join("\n") +
    `\nli a0, ${config}\ncsrw pmpcfg0, a0\nsfence.vma zero, zero`;
}

const KINDS = {
  "lw": "lw a1, 0(a0)\nshow_a1",
  "ld": "ld a1, 0(a0)\nshow_a1",
  "sw": "sw zero, 0(a0)",
  "amo": "amoor.w a1, zero, (a0)\nshow_a1",
  "fetch": "",
} as const;

type Kind = keyof typeof KINDS;

/** An access with the rights of a mode. */
function access(
  name: string,
  setup: string,
  mode: "M" | "S",
  kind: Kind,
  address: number,
): GuestCase {
  const data = KINDS[kind].replace("show_a1", `li t0, ${MPRV}\ncsrc mstatus, t0\nshow a1`);
  const enter = kind !== "fetch"
    ? `li t0, ${mode === "S" ? MPRV | SUPERVISOR : 0}\ncsrs mstatus, t0\n${data}`
    : `csrw mepc, a0\nli t0, ${mode === "S" ? SUPERVISOR : 0x1800}\ncsrs mstatus, t0\nmret`;
  return {
    name: `${name}: ${kind} in ${mode} at +${(address - FREE).toString(16)}`,
    text: `
      li a0, ${FREE}
      li a1, 0x8002800280028002
      ${Array.from({ length: 8 }, (_, i) => `sd a1, ${i * 8}(a0)`).join("\n")}
      ${setup}
      li a0, ${address}
      ${enter}`,
    // QEMU reports the lack of the right to read, of which an AMO needs the right to write too.
    instead: {
      values: ([cause, ...rest]) =>
        kind === "amo" && rest.length > 0 && cause === 5n ? [7n, ...rest] : undefined,
      because: "AMO raises store/AMO exceptions (privileged, 3.1.15)",
    },
  };
}

const allKinds = (name: string, entries: readonly Entry[], ...offsets: number[]): GuestCase[] =>
  offsets.flatMap((offset) =>
    (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
      (["M", "S"] as const).map((mode) => access(name, setUp(entries), mode, kind, FREE + offset))
    )
  );

const RIGHTS: readonly GuestCase[] = [0, R, R | W, X, R | X, R | W | X].flatMap((rights) =>
  allKinds(`NAPOT, rights ${rights}`, [{ config: NAPOT | rights, address: napot(FREE, 4096) }], 0)
);

const REGIONS: readonly GuestCase[] = [
  ...allKinds("NA4", [{ config: NA4, address: (FREE + 4) / 4 }], 0, 4, 8),
  ...allKinds("NAPOT of 8 bytes", [{ config: NAPOT, address: napot(FREE + 8, 8) }], 0, 8, 16),
  ...allKinds(
    "TOR",
    [
      { config: 0, address: (FREE + 8) / 4 },
      { config: TOR, address: (FREE + 16) / 4 },
    ],
    0,
    8,
    12,
    16,
  ),
  ...allKinds("TOR, empty", [
    { config: 0, address: (FREE + 16) / 4 },
    { config: TOR, address: (FREE + 16) / 4 },
  ], 16),
  ...allKinds("TOR of entry 0", [{ config: TOR | R, address: (FREE + 8) / 4 }], 0, 8),
  ...allKinds(
    "the lowest entry wins",
    [
      { config: NAPOT | R, address: napot(FREE, 64) },
      { config: NAPOT | R | W | X, address: napot(FREE, 4096) },
    ],
    0,
    64,
  ),
  ...allKinds(
    "a match without rights wins",
    [
      { config: NA4, address: FREE / 4 },
      { config: NAPOT | R | W | X, address: napot(FREE, 4096) },
    ],
    0,
    4,
  ),
  ...allKinds("locked, no rights", [{ config: NAPOT | L, address: napot(FREE + 32, 32) }], 0, 32),
];

/** What writes to locked entries and reserved values leave behind. Locks hold until reset. */
const shown = (...csrs: string[]) => csrs.map((csr) => `csrr a1, ${csr}\nshow a1`).join("\n");
const write = (csr: string, value: bigint) => `li a0, ${value}\ncsrw ${csr}, a0`;

const REGISTERS: readonly GuestCase[] = [
  {
    name: "no entry allows anything in S",
    text: `csrw pmpcfg2, zero\nli a0, ${FREE}\nli t0, ${MPRV | SUPERVISOR}\ncsrs mstatus, t0
      lw a1, 0(a0)`,
  },
  {
    name: "reserved bits of pmpcfg",
    text: `${write("pmpcfg0", 0x7f7f7f7f7f7f7f7fn)}\n${shown("pmpcfg0")}`,
    instead: { values: () => [0x1f1f1f1f1f1f1f1fn], because: "bits 5 and 6 are 0 (3.7.1)" },
  },
  {
    name: "a locked entry keeps its registers",
    text: `${write("pmpaddr4", 0x1234n)}\n${write("pmpcfg0", 0x99_00000000n)}
      ${write("pmpaddr4", 0x5555n)}\n${write("pmpcfg0", 0n)}\n${shown("pmpaddr4", "pmpcfg0")}`,
  },
  {
    name: "a locked TOR entry locks the address below",
    text: `${write("pmpaddr5", 0x10n)}\n${write("pmpaddr6", 0x20n)}
      ${write("pmpcfg0", 0x89000000000000n)}\n${write("pmpaddr5", 0x30n)}
      ${write("pmpaddr6", 0x40n)}\n${shown("pmpaddr5", "pmpaddr6", "pmpcfg0")}`,
  },
];

for (const [name, cases] of Object.entries({ RIGHTS, REGIONS, REGISTERS })) {
  Deno.test(`PMP is that of QEMU or the specification: ${name.toLowerCase()}`, async () => {
    if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
    // A lock holds until reset, so that each case with one needs a machine of its own.
    const groups = cases.some((each) => /lock/.test(each.name))
      ? [
        cases.filter((each) => !/lock/.test(each.name)),
        ...cases.filter((each) => /lock/.test(each.name)).map((each) => [each]),
      ]
      : [cases];
    const failures: string[] = [];
    for (const group of groups) {
      const theirs = await runGuestCases(runOnQemu, group);
      for (const { run } of OUR_MACHINES) {
        failures.push(...compare(group, theirs, await runGuestCases(run, group)));
      }
    }
    console.log(`${cases.length} cases`);
    assertEquals(failures.slice(0, 20).join("\n"), "");
  });
}
