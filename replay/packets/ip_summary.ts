/** One line about an IP packet. Source: RFC 791 (IPv4), RFC 8200 (IPv6), the IANA registry of protocol numbers. */
import { ipv4Text, ipv6Text, onesSum, u16 } from "./bytes.ts";
import { transportSummary } from "./transport_summary.ts";

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;
/** IPv6 headers that stand between the first and the transport's, all with their length in the second byte. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION = 60;
const EXTENSIONS_MAX = 8;

/** @param packet from its first byte on; padding may follow it */
export function ipv4Summary(packet: Uint8Array): string {
  const headerBytes = (packet[0] & 15) * 4;
  if (packet.length < IPV4_HEADER_BYTES || packet.length < headerBytes) return "IPv4, cut short";
  if (packet[0] >> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES) return "IPv4, no valid header";
  const [from, to] = [ipv4Text(packet, 12), ipv4Text(packet, 16)];
  if (onesSum([packet.subarray(0, headerBytes)]) !== 0xffff) {
    return `IPv4 ${from} > ${to}, bad header checksum`;
  }
  const totalBytes = u16(packet, 2);
  if (totalBytes < headerBytes) return `IPv4 ${from} > ${to}, no valid length`;
  const fragment = u16(packet, 6);
  const offset = (fragment & OFFSET_MASK) * 8;
  const content = packet.subarray(headerBytes, totalBytes);
  if ((fragment & (MORE_FRAGMENTS | OFFSET_MASK)) !== 0) {
    return `IPv4 ${from} > ${to}, protocol ${
      packet[9]
    }, fragment at ${offset}, ${content.length} bytes`;
  }
  const pseudoHeader = Uint8Array.of(
    ...packet.subarray(12, 20),
    0,
    packet[9],
    ...be16(totalBytes - headerBytes),
  );
  const isWhole = packet.length >= totalBytes;
  return transportSummary({ protocol: packet[9], from, to, content, pseudoHeader, isWhole });
}

/** @param packet from its first byte on; padding may follow it */
export function ipv6Summary(packet: Uint8Array): string {
  if (packet.length < IPV6_HEADER_BYTES) return "IPv6, cut short";
  if (packet[0] >> 4 !== 6) return "IPv6, no valid header";
  const [from, to] = [ipv6Text(packet, 8), ipv6Text(packet, 24)];
  const end = IPV6_HEADER_BYTES + u16(packet, 4);
  let protocol = packet[6];
  let at = IPV6_HEADER_BYTES;
  for (let count = 0; isExtension(protocol) && count < EXTENSIONS_MAX; count++) {
    if (protocol === FRAGMENT) return `IPv6 ${from} > ${to}, fragment`;
    if (packet.length < at + 8) return `IPv6 ${from} > ${to}, cut short`;
    protocol = packet[at];
    at += (packet[at + 1] + 1) * 8;
  }
  if (at > end) return `IPv6 ${from} > ${to}, no valid length`;
  const content = packet.subarray(at, end);
  const pseudoHeader = Uint8Array.of(
    ...packet.subarray(8, 40),
    0,
    0,
    ...be16(end - at),
    0,
    0,
    0,
    protocol,
  );
  const isWhole = packet.length >= end;
  return transportSummary({ protocol, from, to, content, pseudoHeader, isWhole });
}

function isExtension(protocol: number): boolean {
  return protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT ||
    protocol === DESTINATION;
}

function be16(value: number): [number, number] {
  return [value >> 8, value & 255];
}
