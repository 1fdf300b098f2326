/** Registers in packets: hexadecimal, in the target's byte order, which is little-endian. */
import type { Debugger } from "../debugger.ts";
import { parseHexBytes } from "../number.ts";
import type { GdbRegister } from "./target_description.ts";

/** The value of a register; `x` for each digit if the machine does not have it. */
export function readRegister(debug: Debugger, hart: number, register: GdbRegister): string {
  const { cursorName, bits } = register;
  try {
    return toHex(debug.cursor.readRegister(hart, cursorName), bits);
  } catch (error) {
    if (error instanceof RangeError) return "x".repeat(bits / 4);
    throw error;
  }
}

/** Writes a register unless it has the value already, for a write starts a branch. False: it cannot be. */
export function writeRegister(
  debug: Debugger,
  hart: number,
  register: GdbRegister,
  digits: string,
): boolean {
  if (readRegister(debug, hart, register) === digits.toLowerCase()) return true;
  const bytes = parseHexBytes(digits);
  if (bytes?.length !== register.bits / 8) return false;
  if (register.cursorName === "x0") return true;
  const value = bytes.reduceRight((total, byte) => total << 8n | BigInt(byte), 0n);
  debug.cursor.writeRegister(hart, register.cursorName, value);
  return true;
}

function toHex(value: bigint, bits: number): string {
  const bytes = value.toString(16).padStart(bits / 4, "0").slice(-bits / 4).match(/../g)!;
  return bytes.reverse().join("");
}
