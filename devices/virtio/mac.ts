/** MAC addresses of network cards. Source: IEEE 802-2014, 8.2 (48-bit universal and local addresses). */
import { Random, seedFor } from "../../core/random.ts";

/** Six bytes. */
export type Mac = Uint8Array;

const GROUP = 1; // in the first byte: more than one receiver
const LOCAL = 2; // in the first byte: nobody has assigned it

/**
 * The address of a machine's card: local, and another for each seed and each index.
 * @param index from 0 to 255
 */
export function macOf(seed: number, index: number): Mac {
  // One draw is a bijection of its seed, so no two seeds share an address.
  const draw = new Random(seedFor(seed, "mac")).next();
  return Uint8Array.of(LOCAL, index, draw >>> 24, draw >>> 16, draw >>> 8, draw);
}

/** Reads `52:54:00:12:34:56`; `undefined` if it is no address of one card. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const mac = Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
  return (mac[0] & GROUP) === 0 && mac.some((byte) => byte !== 0) ? mac : undefined;
}

export function formatMac(mac: Mac): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
