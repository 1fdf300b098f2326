/** The names under which busybox can be called. Source: busybox, libbb/appletlib.c, `applet_names`. */
import { HostFailure } from "./failure.ts";

/** The table starts with its first two names in alphabetical order and ends with an empty one. */
const FIRST = new TextEncoder().encode("[\0[[\0");
const APPLETS_MIN = 50;

/**
 * The applets of a busybox binary, in its own order, read from the table inside it: the host cannot
 * run a riscv64 program to ask it.
 * Throws {@link HostFailure} if the table is not there.
 */
export function appletNames(busybox: Uint8Array): string[] {
  for (let at = find(busybox, FIRST, 0); at >= 0; at = find(busybox, FIRST, at + 1)) {
    const names: string[] = [];
    for (let start = at;;) {
      const end = busybox.indexOf(0, start);
      const name = end < 0 ? "" : new TextDecoder().decode(busybox.subarray(start, end));
      if (!/^[\w.[+-]+$/.test(name)) break;
      names.push(name);
      start = end + 1;
    }
    if (names.length >= APPLETS_MIN) return names;
  }
  throw new HostFailure("busybox has no table of applets");
}

function find(bytes: Uint8Array, part: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(part[0], from); at >= 0; at = bytes.indexOf(part[0], at + 1)) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
