/** A virtual address as a load of a hart would translate it now, changing nothing. Source: RISC-V privileged specification, 12.3. */
import { ADUE, MSTATUS, PPN_MASK, PTE, PTE_RESERVED } from "../core/hart/translate.ts";
import type { Machine } from "../core/machine.ts";

const USER = 0;
const SUPERVISOR = 1;
const MACHINE = 3;

/**
 * The physical address; `undefined` where the tables refuse the load. PMP is not asked.
 * @param asSupervisor whatever the hart's privilege is
 */
export function walk(
  machine: Machine,
  hart: number,
  address: bigint,
  asSupervisor = false,
): number | undefined {
  const { engine } = machine;
  const status = engine.field(hart, "mstatus");
  let privilege = Number(engine.field(hart, "privilege"));
  if (privilege === MACHINE && (status & MSTATUS.MPRV) !== 0n) {
    privilege = Number(status >> 11n & 3n);
  }
  if (asSupervisor) privilege = SUPERVISOR;
  const satp = engine.field(hart, "satp");
  const mode = Number(satp >> 60n);
  if (privilege === MACHINE || mode === 0) return toNumber(address);
  // Modes 8, 9, 10: 3, 4, 5 levels of 9 bits.
  const levels = mode - 5;
  const width = 12 + 9 * levels;
  if (BigInt.asUintN(64, BigInt.asIntN(width, address)) !== address) return undefined;
  let table = (satp & PPN_MASK) << 12n;
  for (let level = levels - 1; level >= 0; level--) {
    const shift = BigInt(12 + 9 * level);
    const pte = readEntry(machine, table + (address >> shift & 511n) * 8n);
    if (pte === undefined || (pte & BigInt(PTE.valid)) === 0n || (pte & PTE_RESERVED) !== 0n) {
      return undefined;
    }
    const has = (bits: number) => (pte & BigInt(bits)) !== 0n;
    if (!has(PTE.read) && has(PTE.write)) return undefined;
    if (!has(PTE.read | PTE.execute)) {
      // D, A and U of a pointer are reserved.
      if (has(PTE.user | PTE.accessed | PTE.dirty)) return undefined;
      table = (pte >> 10n & PPN_MASK) << 12n;
      continue;
    }
    const allowed = privilege === USER
      ? has(PTE.user)
      : !has(PTE.user) || (status & MSTATUS.SUM) !== 0n;
    const readable = has(PTE.read) || (status & MSTATUS.MXR) !== 0n;
    const base = (pte >> 10n & PPN_MASK) << 12n;
    const within = (1n << shift) - 1n;
    if (!allowed || !readable || (base & within) !== 0n) return undefined;
    if (!has(PTE.accessed) && (engine.field(hart, "menvcfg") & ADUE) === 0n) return undefined;
    return toNumber(base | address & within);
  }
  return undefined;
}

function readEntry(machine: Machine, address: bigint): bigint | undefined {
  const bytes = machine.memory.view(Number(address), 8);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

// Nothing is mapped beyond what a number can name.
function toNumber(address: bigint): number | undefined {
  return address <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(address) : undefined;
}
