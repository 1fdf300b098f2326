/** A {@link Rig} in supervisor mode under Sv39, with a window of pages of 4 KiB to play with. */
import { assertEquals } from "@std/assert";
import { DRAM, Rig, type RigOptions } from "./rig.ts";

export const V = 1;
export const R = 2;
export const W = 4;
export const X = 8;
export const A = 0x40;
export const D = 0x80;
export const USER = 0x10;
export const ALL = V | R | W | X | A | D;
const ADUE = 1n << 61n;

export const ROOT = DRAM + 0x10_0000;
export const MIDDLE = DRAM + 0x10_1000;
export const LEAVES = DRAM + 0x10_2000;
export const OTHER_LEAVES = DRAM + 0x10_3000;
/** See {@link addOtherTables}. */
export const OTHER_ROOT = DRAM + 0x11_0000;
const FRAMES = DRAM + 0x20_0000;
/** A window of pages of 4 KiB. RAM is mapped to itself beside it. */
export const WINDOW = 0x4000_0000;
export const CODE = DRAM + 0x1000;
export const frame = (index: number) => FRAMES + index * 4096;
export const pte = (address: number, flags: number) =>
  BigInt(address / 4096) << 10n | BigInt(flags);

/** What `satp` holds under Sv39. */
export const satp = (root: number, asid = 0) =>
  8n << 60n | BigInt(asid) << 44n | BigInt(root / 4096);

/** Supervisor mode under Sv39; window page i is frame i, and frame i begins with 1000 + i. */
export async function pagedRig(options: RigOptions = {}): Promise<Rig> {
  const rig = await Rig.create(options);
  rig.write64(ROOT + 8 * 2, pte(DRAM, ALL)); // RAM: one gigapage
  rig.write64(ROOT + 8, pte(MIDDLE, V));
  rig.write64(MIDDLE, pte(LEAVES, V));
  for (let i = 0; i < 16; i++) {
    rig.write64(LEAVES + 8 * i, pte(frame(i), ALL));
    rig.write64(OTHER_LEAVES + 8 * i, pte(frame(i + 16), ALL));
  }
  for (let i = 0; i < 32; i++) rig.write64(frame(i), 1000 + i);
  for (let hart = 0; hart < rig.harts; hart++) {
    rig.set("satp", satp(ROOT), hart);
    rig.set("menvcfg", ADUE, hart);
    rig.set("mtvec", DRAM, hart);
    rig.changed(hart);
  }
  return rig;
}

/** A second set of tables, in which window page i is frame i + 16. */
export function addOtherTables(rig: Rig): void {
  rig.write64(OTHER_ROOT + 8 * 2, pte(DRAM, ALL));
  rig.write64(OTHER_ROOT + 8, pte(OTHER_ROOT + 4096, V));
  rig.write64(OTHER_ROOT + 4096, pte(OTHER_LEAVES, V));
}

/** Runs a few instructions of supervisor code; other harts wait meanwhile. */
export async function execute(rig: Rig, text: string, hart = 0): Promise<void> {
  for (let each = 0; each < rig.harts; each++) rig.set("waiting", 1, each);
  const { labels } = rig.load(`${text}\nend: j end`, CODE + hart * 0x1000);
  rig.set("pc", CODE + hart * 0x1000, hart);
  rig.set("privilege", 1, hart);
  rig.set("waiting", 0, hart);
  await rig.run(200);
  assertEquals(rig.get("pc", hart), BigInt(labels.get("end")!), rig.where(hart));
}
