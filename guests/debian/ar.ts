/** The `ar` archive, as a Debian package uses it. Source: deb(5); the System V layout of ar(5). */
import { HostFailure } from "./failure.ts";

const MAGIC = "!<arch>\n";
const HEADER_BYTES = 60;
const HEADER_END = "`\n";

/** One member of an archive. */
export interface ArMember {
  /** Without the padding and without the trailing slash that GNU `ar` adds. */
  readonly name: string;
  /** A view of the archive, not a copy. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The members in their order. Throws {@link HostFailure} if the archive is damaged or cut short. */
export function arMembers(archive: Uint8Array<ArrayBuffer>): ArMember[] {
  if (text(archive, 0, MAGIC.length) !== MAGIC) throw new HostFailure("not an ar archive");
  const members: ArMember[] = [];
  let at = MAGIC.length;
  while (at < archive.length) {
    if (text(archive, at + 58, 2) !== HEADER_END) {
      throw new HostFailure(`ar archive is damaged: no member header at byte ${at}`);
    }
    const name = text(archive, at, 16).trimEnd().replace(/\/$/, "");
    const size = text(archive, at + 48, 10).trimEnd();
    const start = at + HEADER_BYTES;
    const end = start + Number(size);
    if (!/^\d+$/.test(size) || end > archive.length) {
      throw new HostFailure(`ar archive is cut short: member "${name}" says ${size} bytes`);
    }
    members.push({ name, bytes: archive.subarray(start, end) });
    at = end + (end & 1); // members start at even offsets
  }
  return members;
}

function text(bytes: Uint8Array, offset: number, sizeBytes: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + sizeBytes));
}
