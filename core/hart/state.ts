/** A hart's state as named fields, and what it is after reset. */
import type { State, StateValue } from "../state.ts";
import { requireVersion } from "../state.ts";
import type { Engine } from "./engine.ts";
import { CANONICAL_FIELDS, F, hartBase, PMPADDR, ROM, X } from "./layout.ts";
import { ADUE } from "./translate.ts";

const ALL_ONES = (1n << 64n) - 1n;

/** Sets reset values. Source: privileged specification, 3.4; the rest is what QEMU's board has. */
export function resetHart(engine: Engine, hart: number): void {
  engine.setField(hart, "privilege", 3n);
  engine.setField(hart, "pc", BigInt(ROM));
  engine.setField(hart, "reservation", ALL_ONES);
  engine.setField(hart, "menvcfg", ADUE);
  engine.setField(hart, "stimecmp", ALL_ONES);
  engine.stateChanged(hart);
}

/** The canonical fields of a hart; files and PMP addresses as little-endian bytes. */
export function saveHart(engine: Engine, hart: number): State {
  const { bytes } = engine;
  const base = hartBase(hart);
  const state: State & Record<string, StateValue> = {
    version: 1,
    x: bytes.slice(base + X, base + X + 32 * 8),
    f: bytes.slice(base + F, base + F + 32 * 8),
    pmpaddr: bytes.slice(base + PMPADDR, base + PMPADDR + 16 * 8),
  };
  for (const field of CANONICAL_FIELDS) state[field] = engine.field(hart, field);
  return state;
}

/** Takes back what {@link saveHart} gave. @throws RangeError on another version */
export function restoreHart(engine: Engine, hart: number, state: State): void {
  requireVersion(state, 1, `hart ${hart}`);
  const { bytes } = engine;
  const base = hartBase(hart);
  bytes.set(state.x as Uint8Array, base + X);
  bytes.set(state.f as Uint8Array, base + F);
  bytes.set(state.pmpaddr as Uint8Array, base + PMPADDR);
  for (const field of CANONICAL_FIELDS) engine.setField(hart, field, state[field] as bigint);
  engine.stateChanged(hart);
}
