/** Frames for tests, built field by field. */

export const MAC_A = [0x52, 0x54, 0, 0, 0, 1];
export const MAC_B = [0x52, 0x54, 0, 0, 0, 2];
const IP_A = [10, 0, 0, 1];
const IP_B = [10, 0, 0, 2];

export function be16(value: number): number[] {
  return [value >> 8 & 255, value & 255];
}

export function be32(value: number): number[] {
  return [...be16(value >>> 16), ...be16(value & 0xffff)];
}

/** RFC 1071, word by word. */
export function checksum(bytes: readonly number[]): number[] {
  let sum = 0n;
  bytes.forEach((byte, index) => sum += BigInt(byte) << (index % 2 === 0 ? 8n : 0n));
  return be16(Number(0xffffn - (sum === 0n ? 0n : (sum - 1n) % 0xffffn + 1n)));
}

function withChecksum(bytes: readonly number[], at: number, pseudo: readonly number[] = []) {
  const [high, low] = checksum([...pseudo, ...bytes]);
  return bytes.with(at, high).with(at + 1, low);
}

/** From B to A. */
export function ethernet(type: number, content: readonly number[]): Uint8Array {
  return Uint8Array.of(...MAC_A, ...MAC_B, ...be16(type), ...content);
}

export function ipv4(protocol: number, content: readonly number[], fragment = 0): Uint8Array {
  const header = [0x45, 0, ...be16(20 + content.length), 0, 7, ...be16(fragment), 64, protocol, 0];
  return ethernet(0x800, [...withChecksum([...header, 0, ...IP_B, ...IP_A], 10), ...content]);
}

function pseudo4(protocol: number, sizeBytes: number): number[] {
  return [...IP_B, ...IP_A, 0, protocol, ...be16(sizeBytes)];
}

export function udp(data: readonly number[]): Uint8Array {
  const sizeBytes = 8 + data.length;
  const header = [...be16(4097), ...be16(7070), ...be16(sizeBytes), 0, 0];
  return ipv4(17, withChecksum([...header, ...data], 6, pseudo4(17, sizeBytes)));
}

export function tcp(data: readonly number[], flags: number): Uint8Array {
  const header = [...be16(3000), ...be16(80), ...be32(1000), ...be32(0xffff_fff0), 0x50, flags];
  const segment = [...header, ...be16(64240), 0, 0, 0, 0, ...data];
  return ipv4(6, withChecksum(segment, 16, pseudo4(6, segment.length)));
}

export function echoRequest(data: readonly number[]): Uint8Array {
  return ipv4(1, withChecksum([8, 0, 0, 0, ...be16(5), ...be16(2), ...data], 2));
}

export function arp(operation: number): Uint8Array {
  const head = [0, 1, 8, 0, 6, 4, ...be16(operation)];
  return ethernet(0x806, [...head, ...MAC_B, ...IP_B, 0, 0, 0, 0, 0, 0, ...IP_A]);
}

/** fe80::2 asks for fe80::1, by multicast. */
export function neighbourSolicitation(): Uint8Array {
  const from = [0xfe, 0x80, ...new Array(13).fill(0), 2];
  const to = [0xff, 2, ...new Array(9).fill(0), 1, 0xff, 0, 0, 1];
  const target = [0xfe, 0x80, ...new Array(13).fill(0), 1];
  const message = [135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...MAC_B];
  const pseudo = [...from, ...to, ...be32(message.length), 0, 0, 0, 58];
  const header = [0x60, 0, 0, 0, ...be16(message.length), 58, 255, ...from, ...to];
  return ethernet(0x86dd, [...header, ...withChecksum(message, 2, pseudo)]);
}
