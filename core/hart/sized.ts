/** Loads and stores of the sizes that instructions have. */
import type { Size } from "../isa/effect.ts";
import type { I64, Void } from "../wasm/code.ts";

/** Reads at an address of this memory, extended as the instruction says. */
export function loadSized(host: I64, size: Size, signed: boolean): I64 {
  if (size === 8) return host.load64();
  if (size === 4) return signed ? host.load32S() : host.load32U();
  if (size === 2) return signed ? host.load16S() : host.load16U();
  return signed ? host.load8S() : host.load8U();
}

/** Writes the low bytes of a value. */
export function storeSized(host: I64, size: Size, value: I64): Void {
  if (size === 8) return host.store64(value);
  if (size === 4) return host.store32(value);
  return size === 2 ? host.store16(value) : host.store8(value);
}

/** Extends the sign of a value's low bytes. */
export function extendSized(value: I64, size: Size): I64 {
  if (size === 8) return value;
  if (size === 4) return value.extend32();
  return size === 2 ? value.extend16() : value.extend8();
}
