/**
 * Packets as a file that Wireshark reads. Source: PCAP Next Generation Capture File Format,
 * draft-ietf-opsawg-pcapng, sections 3 and 4.
 */

/** Where packets were seen. */
export interface CaptureInterface {
  readonly name: string;
  readonly description?: string;
}

/** A packet where it was seen. */
export interface CapturedPacket {
  /** Its index in the list. */
  readonly interface: number;
  /** Nanoseconds since the guest's reset; a whole number. */
  readonly cycle: number;
  /** As the interface's owner has it. */
  readonly direction: "received" | "sent" | undefined;
  readonly bytes: Uint8Array;
  /** For people; what is not printable ASCII becomes `?`. */
  readonly comment: string;
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LENGTH_UNKNOWN = 0xffff_ffff; // twice: a section's length of -1
const LINKTYPE_ETHERNET = 1;

const OPT_END = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TSRESOL = 9;
const EPB_FLAGS = 2;

const NANOSECONDS = 9; // a power of ten, negated
const FLAGS = { received: 1, sent: 2 } as const;

type Option = readonly [code: number, value: Uint8Array];

/** What begins the file: the section and its interfaces. @param program who wrote it */
export function captureHead(program: string, interfaces: readonly CaptureInterface[]): Uint8Array {
  const section = block(
    SECTION_HEADER,
    [words([BYTE_ORDER_MAGIC]), halves([1, 0]), words([LENGTH_UNKNOWN, LENGTH_UNKNOWN])],
    [[SHB_USERAPPL, text(program)]],
  );
  return joined([section, ...interfaces.map(interfaceBlock)]);
}

/** What follows it, once for each packet. */
export function packetBlock(packet: CapturedPacket): Uint8Array {
  const { cycle, bytes, direction, comment } = packet;
  const time = [Math.floor(cycle / 2 ** 32), cycle % 2 ** 32];
  const options: Option[] = [[OPT_COMMENT, text(comment)]];
  if (direction !== undefined) options.push([EPB_FLAGS, words([FLAGS[direction]])]);
  const fixed = words([packet.interface, ...time, bytes.length, bytes.length]);
  return block(ENHANCED_PACKET, [fixed, padded(bytes)], options);
}

function interfaceBlock({ name, description }: CaptureInterface): Uint8Array {
  const options: Option[] = [[IF_NAME, text(name)], [IF_TSRESOL, Uint8Array.of(NANOSECONDS)]];
  if (description !== undefined) options.push([IF_DESCRIPTION, text(description)]);
  // No limit to the length of a packet.
  return block(INTERFACE_DESCRIPTION, [halves([LINKTYPE_ETHERNET, 0]), words([0])], options);
}

function block(type: number, body: readonly Uint8Array[], options: readonly Option[]): Uint8Array {
  const encoded = options.flatMap(([code, value]) => [
    halves([code, value.length]),
    padded(value),
  ]);
  const content = joined([...body, ...encoded, halves([OPT_END, 0])]);
  const length = words([content.length + 12]);
  return joined([words([type]), length, content, length]);
}

function words(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(4 * index, value, true));
  return bytes;
}

function halves(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint16(2 * index, value, true));
  return bytes;
}

function text(value: string): Uint8Array {
  const printable = value.slice(0, 0xffff).replaceAll(/[^\x20-\x7e]/g, "?");
  return Uint8Array.from(printable, (character) => character.charCodeAt(0));
}

/** To a multiple of four bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  return whole;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
