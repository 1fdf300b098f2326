/** Builds small archives by hand, so that the readers are tested against the formats' descriptions. */
import { concatenate } from "../../../guests/debian/cpio.ts";

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** `ar(5)`: a header of 60 characters, the member, a line feed where its size is odd. */
export function ar(members: readonly [name: string, bytes: Uint8Array][]): Uint8Array<ArrayBuffer> {
  const parts = members.flatMap(([name, bytes]) => [
    bytesOf(
      `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}` +
        `${String(bytes.length).padEnd(10)}\`\n`,
    ),
    bytes,
    bytesOf(bytes.length % 2 === 1 ? "\n" : ""),
  ]);
  return concatenate([bytesOf("!<arch>\n"), ...parts]);
}

export interface TarMember {
  readonly name: string;
  readonly type?: string;
  readonly mode?: number;
  readonly target?: string;
  readonly bytes?: Uint8Array;
  readonly prefix?: string;
}

/** A ustar header and content (POSIX.1-2017, pax). */
export function tarMember(member: TarMember): Uint8Array<ArrayBuffer> {
  const { name, type = "0", mode = 0o644, target = "", prefix = "" } = member;
  const bytes = member.bytes ?? new Uint8Array(0);
  const header = new Uint8Array(512);
  const put = (offset: number, text: string) => header.set(bytesOf(text), offset);
  put(0, name);
  put(100, mode.toString(8).padStart(7, "0"));
  put(124, bytes.length.toString(8).padStart(11, "0"));
  put(148, "        ");
  put(156, type);
  put(157, target);
  put(257, "ustar\x0000");
  put(345, prefix);
  put(148, header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0") + "\0 ");
  return concatenate([header, bytes, new Uint8Array(-bytes.length & 511)]);
}

/** A whole archive: members, then two blocks of zeros. */
export function tar(members: readonly TarMember[]): Uint8Array<ArrayBuffer> {
  return concatenate([...members.map(tarMember), new Uint8Array(1024)]);
}

/** A stream of these bytes in chunks of an odd size, so that no boundary falls on a block's. */
export function streamOf(bytes: Uint8Array, chunkBytes = 333): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += chunkBytes));
    },
  });
}

/** The least ELF-64 object that has a `.modinfo` section (ELF-64 Object File Format, 1.5). */
export function kernelModule(modinfo: readonly string[]): Uint8Array<ArrayBuffer> {
  const section = bytesOf(modinfo.map((line) => `${line}\0`).join(""));
  const names = bytesOf("\0.modinfo\0.shstrtab\0");
  const header = new Uint8Array(64);
  const view = new DataView(header.buffer);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(40, BigInt(64 + section.length + names.length), true); // e_shoff
  view.setUint16(60, 3, true); // e_shnum
  view.setUint16(62, 2, true); // e_shstrndx
  const sectionHeader = (name: number, offset: number, sizeBytes: number) => {
    const bytes = new Uint8Array(64);
    const fields = new DataView(bytes.buffer);
    fields.setUint32(0, name, true);
    fields.setBigUint64(24, BigInt(offset), true);
    fields.setBigUint64(32, BigInt(sizeBytes), true);
    return bytes;
  };
  return concatenate([
    header,
    section,
    names,
    new Uint8Array(64),
    sectionHeader(1, 64, section.length),
    sectionHeader(10, 64 + section.length, names.length),
  ]);
}

/** Something with a busybox's table of applets in it. */
export function busyboxWith(names: readonly string[]): Uint8Array<ArrayBuffer> {
  return bytesOf(`\x7fELF [\0[[\0no table here\0 ${names.join("\0")}\0\0rest`);
}

/** Sixty names in order, beginning as busybox's do. */
export const APPLETS = [
  "[",
  "[[",
  ...Array.from({ length: 58 }, (_, i) => `applet${String(i).padStart(2, "0")}`),
];
