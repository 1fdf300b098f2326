/** Which uses of a changed translation are told of, and which are allowed. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Breach } from "../../../core/machine.ts";
import {
  A,
  addOtherTables,
  ALL,
  CODE,
  D,
  execute,
  frame,
  LEAVES,
  MIDDLE,
  OTHER_LEAVES,
  OTHER_ROOT,
  pagedRig,
  pte,
  R,
  satp,
  USER,
  V,
  W,
  WINDOW,
  X,
} from "../hart/paged_rig.ts";
import { DRAM, type Rig } from "../hart/rig.ts";

const RULE = "RISC-V privileged, 12.2.1";
const GLOBAL = 0x20;

async function lintedRig(harts = 1): Promise<{ rig: Rig; broken: () => Breach[] }> {
  const rig = await pagedRig({ harts, engine: { linting: true } });
  const breaches: Breach[] = [];
  rig.machine.onBreach = (breach) => breaches.push(breach);
  return { rig, broken: () => breaches.splice(0).filter(({ rule }) => rule === RULE) };
}

/** a0, a1: the window's first and second page; a2: their leaves; a3: what points there. */
function setRegisters(rig: Rig, value: bigint | number, hart = 0): void {
  [WINDOW, WINDOW + 4096, LEAVES, MIDDLE].forEach((at, i) => rig.setX(10 + i, at, hart));
  rig.setX(14, value, hart);
}

/** What supervisor code does after a load from the window; a4 is the value. */
interface Case {
  readonly what: string;
  readonly value: bigint | number;
  readonly code: string;
  /** What the first PTE says before. */
  readonly leaf?: number;
}

const USED = "ld t0, 0(a0)\n";
const BREACHES: readonly Case[] = [
  {
    what: "a leaf names another page",
    value: pte(frame(5), ALL),
    code: "sd a4, 0(a2)\nld t0, 0(a0)",
  },
  {
    what: "a leaf names another page, and is fetched through",
    value: pte(frame(5), ALL),
    code: "jalr ra, 8(a1)\nsd a4, 8(a2)\njalr ra, 8(a1)",
  },
  { what: "a byte of a leaf is changed", value: 4, code: "sb a4, 1(a2)\nld t0, 0(a0)" },
  {
    what: "D is cleared, and a store follows",
    value: pte(frame(0), ALL & ~D),
    code: "sd t0, 0(a0)\nsd a4, 0(a2)\nsd t0, 0(a0)",
  },
  {
    what: "a pointer names another table",
    value: pte(OTHER_LEAVES, V),
    code: "sd a4, 0(a3)\nld t0, 0(a0)",
  },
  {
    what: "a pointer names another table, and the fence has an address: it is of leaves",
    value: pte(OTHER_LEAVES, V),
    code: "sd a4, 0(a3)\nsfence.vma a0, zero\nld t0, 0(a0)",
  },
  {
    what: "satp names other tables for the same ASID",
    value: satp(OTHER_ROOT),
    code: "csrw satp, a4\nld t0, 0(a0)",
  },
  {
    what: "the fence comes before the change",
    value: pte(frame(5), ALL),
    code: "sfence.vma a0, zero\nsd a4, 0(a2)\nld t0, 0(a0)",
  },
  {
    what: "the fence comes before a use and the change",
    value: pte(frame(5), ALL),
    code: "sfence.vma zero, zero\nld t0, 0(a0)\nsd a4, 0(a2)\nld t0, 0(a0)",
  },
  {
    what: "the fence is of another page",
    value: pte(frame(5), ALL),
    code: "sd a4, 0(a2)\nsfence.vma a1, zero\nld t0, 0(a0)",
  },
  {
    what: "the fence is of another ASID",
    value: pte(frame(5), ALL),
    code: "sd a4, 0(a2)\nsfence.vma zero, a1\nld t0, 0(a0)",
  },
  {
    what: "the fence is of the ASID, the mapping global",
    leaf: ALL | GLOBAL,
    value: pte(frame(5), ALL),
    code: "sd a4, 0(a2)\nsfence.vma zero, t6\nld t0, 0(a0)",
  },
];
const KEPT: readonly Case[] = [
  ...["sfence.vma", "sfence.vma a0, zero", "sfence.vma zero, t6", "sfence.vma a0, t6"].map((
    fence,
  ) => ({
    what: `${fence} follows the change`,
    value: pte(frame(5), ALL),
    code: `sd a4, 0(a2)\n${fence === "sfence.vma" ? "sfence.vma zero, zero" : fence}\nld t0, 0(a0)`,
  })),
  {
    what: "a fence follows the change of a pointer",
    value: pte(OTHER_LEAVES, V),
    code: "sd a4, 0(a3)\nsfence.vma zero, zero\nld t0, 0(a0)",
  },
  {
    what: "a fence follows the change of a global mapping",
    leaf: ALL | GLOBAL,
    value: pte(frame(5), ALL),
    code: "sd a4, 0(a2)\nsfence.vma a0, zero\nld t0, 0(a0)",
  },
  {
    what: "another page was used",
    value: pte(frame(5), ALL),
    code: "sd a4, 8(a2)\nld t0, 0(a1)",
  },
  {
    what: "a mapping allows more",
    leaf: V | R | A,
    value: pte(frame(0), ALL),
    code: "sd a4, 0(a2)\nsd t0, 0(a0)",
  },
  {
    what: "A is cleared",
    value: pte(frame(0), ALL & ~A),
    code: "sd a4, 0(a2)\nld t0, 0(a0)",
  },
  {
    what: "D is cleared, and nothing is stored",
    value: pte(frame(0), ALL & ~D),
    code: "sd t0, 0(a0)\nsd a4, 0(a2)\nld t0, 0(a0)",
  },
  {
    what: "satp names other tables for another ASID",
    value: satp(OTHER_ROOT, 7),
    code: "csrw satp, a4\nld t0, 0(a0)",
  },
  {
    what: "a fence follows satp",
    value: satp(OTHER_ROOT),
    code: "csrw satp, a4\nsfence.vma zero, zero\nld t0, 0(a0)",
  },
];

async function breachesOf({ value, code, leaf = ALL }: Case): Promise<Breach[]> {
  const { rig, broken } = await lintedRig();
  rig.write64(LEAVES, pte(frame(0), leaf));
  addOtherTables(rig);
  // What a jump there returns by.
  for (const page of [1, 5]) rig.load("nop\nnop\njalr zero, 0(ra)", frame(page));
  setRegisters(rig, value);
  await execute(rig, USED + code);
  return broken();
}

for (const it of BREACHES) {
  Deno.test(`without its fence: ${it.what}`, async () => {
    const breaches = await breachesOf(it);
    assertEquals(breaches.map(({ device, hart }) => [device, hart]), [["hart0", 0]]);
  });
}

for (const it of KEPT) {
  Deno.test(`no breach: ${it.what}`, async () => assertEquals(await breachesOf(it), []));
}

Deno.test("a breach tells who, where, which address, and when it was changed", async () => {
  const { rig, broken } = await lintedRig();
  setRegisters(rig, pte(frame(5), ALL));
  await execute(rig, "ld t0, 0(a0)\nsd a4, 0(a2)\nnop\nld t0, 8(a0)");
  assertEquals(broken(), [{
    cycle: 3,
    device: "hart0",
    hart: 0,
    rule: RULE,
    text: "a load of 0x40000008 may still go by a PTE that was changed at cycle 1: " +
      "there was no sfence.vma for it",
  }]);
});

for (
  const [what, leaf, access] of [["is gone", 0, "ld"], ["is read-only", ALL & ~W, "sd"]] as const
) {
  Deno.test(`a page that ${what} here faults, and might not elsewhere`, async () => {
    for (const fence of ["", "sfence.vma a0, zero"]) {
      const { rig, broken } = await lintedRig();
      rig.load("end: j end");
      setRegisters(rig, leaf === 0 ? 0 : pte(frame(0), leaf));
      rig.load(`sd t0, 0(a0)\nsd a4, 0(a2)\n${fence}\nld t1, 0(a1)\n${access} t0, 0(a0)`, CODE);
      rig.start(CODE, 1);
      await rig.runTo(DRAM);
      assertEquals(rig.get("mtval"), BigInt(WINDOW));
      assertEquals(broken().length, fence === "" ? 1 : 0);
    }
  });
}

Deno.test("a page that allowed less before its change is still held to what it was", async () => {
  const { rig, broken } = await lintedRig();
  rig.load("end: j end");
  setRegisters(rig, pte(frame(0), ALL & ~W));
  // The load is the same either way; the store is not.
  rig.load("sd t0, 0(a0)\nsd a4, 0(a2)\nld t0, 0(a0)\nsd t0, 0(a0)", CODE);
  rig.start(CODE, 1);
  await rig.runTo(DRAM);
  assertEquals(broken().map(({ cycle }) => cycle), [3]);
});

/** Lets a hart go to user mode, where it stays. */
async function goToUser(rig: Rig, hart: number): Promise<void> {
  rig.load("here: j here", frame(8));
  rig.write64(LEAVES + 8 * 8, pte(frame(8), V | R | X | A | USER));
  rig.setX(5, WINDOW + 8 * 4096, hart);
  rig.load("csrw sepc, t0\nli t0, 0x100\ncsrc sstatus, t0\nsret", CODE + 0x800);
  for (let each = 0; each < rig.harts; each++) rig.set("waiting", 1, each);
  rig.start(CODE + 0x800, 1, hart);
  await rig.run(100);
  assertEquals(rig.get("privilege", hart), 0n);
}

/** What hart 0 changes, hart 1 has used and uses again. */
async function twoHarts(
  fence: { readonly own: string; readonly remote: string; readonly toUser: boolean },
): Promise<Breach[]> {
  const { rig, broken } = await lintedRig(2);
  setRegisters(rig, 0, 1);
  await execute(rig, "ld t0, 0(a0)", 1);
  setRegisters(rig, pte(frame(5), ALL));
  await execute(rig, `sd a4, 0(a2)\n${fence.own}`);
  if (fence.toUser) await goToUser(rig, 0);
  await execute(rig, `${fence.remote}\nld t0, 0(a0)\nld t0, 8(a0)`, 1);
  return broken();
}

Deno.test("another hart's change counts once that hart has fenced it and gone on", async () => {
  const own = "sfence.vma a0, zero";
  const [breach, ...more] = await twoHarts({ own, remote: "", toUser: true });
  assertEquals([breach.device, more], ["hart1", []]);
  assertMatch(breach.text, /^a load of 0x40000000 may still go by a PTE that hart 0 changed at /);
});

Deno.test("a use before the other hart is done with its change is a race that both may win", async () => {
  const own = "sfence.vma a0, zero";
  assertEquals(await twoHarts({ own, remote: "", toUser: false }), []);
  assertEquals(await twoHarts({ own: "", remote: "", toUser: true }), []);
  assertEquals(await twoHarts({ own: "sfence.vma a1, zero", remote: "", toUser: true }), []);
});

Deno.test("a remote fence keeps the rule", async () => {
  const own = "sfence.vma zero, zero";
  assertEquals(await twoHarts({ own, remote: "sfence.vma zero, zero", toUser: true }), []);
});

Deno.test("a use in the race is told of once it goes on after the other hart is done", async () => {
  const { rig, broken } = await lintedRig(2);
  setRegisters(rig, 0, 1);
  await execute(rig, "ld t0, 0(a0)", 1);
  setRegisters(rig, pte(frame(5), ALL));
  await execute(rig, "sd a4, 0(a2)\nsfence.vma zero, zero");
  await execute(rig, "ld t0, 0(a0)", 1);
  assertEquals(broken(), []);
  await goToUser(rig, 0);
  await execute(rig, "ld t0, 0(a0)", 1);
  assertEquals(broken().map(({ device }) => device), ["hart1"]);
});
