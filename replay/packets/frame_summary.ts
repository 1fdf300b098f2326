/**
 * One line about an Ethernet frame, for people. A frame may hold anything: what is cut short or
 * makes no sense is said so, and nothing is read outside of it.
 * Source: IEEE 802.3, clause 3; IEEE 802.1Q, clause 9; RFC 826 (ARP).
 */
import { ipv4Text, macText, u16 } from "./bytes.ts";
import { ipv4Summary, ipv6Summary } from "./ip_summary.ts";

const HEADER_BYTES = 14;
const VLAN_TAG_BYTES = 4;
const VLAN_TAGS_MAX = 2;
const LENGTH_MAX = 1500; // a type field up to this is a length

const IPV4 = 0x0800;
const ARP = 0x0806;
const VLAN = 0x8100;
const IPV6 = 0x86dd;

/** @param frame without FCS, of any length */
export function frameSummary(frame: Uint8Array): string {
  if (frame.length < HEADER_BYTES) return `${frame.length} bytes, less than an Ethernet header`;
  let at = HEADER_BYTES;
  let type = u16(frame, at - 2);
  let tags = "";
  for (let count = 0; type === VLAN && count < VLAN_TAGS_MAX; count++) {
    if (frame.length < at + VLAN_TAG_BYTES) return `${tags}VLAN tag, cut short`;
    tags += `VLAN ${u16(frame, at) & 0xfff} `;
    type = u16(frame, at + 2);
    at += VLAN_TAG_BYTES;
  }
  return tags + (contentSummary(type, frame.subarray(at)) ?? unknown(frame, type));
}

/** `undefined` for what is none of these protocols. */
function contentSummary(type: number, content: Uint8Array): string | undefined {
  switch (type) {
    case IPV4:
      return ipv4Summary(content);
    case ARP:
      return arpSummary(content);
    case IPV6:
      return ipv6Summary(content);
  }
}

function unknown(frame: Uint8Array, type: number): string {
  const what = type <= LENGTH_MAX ? "802.3 frame" : `type 0x${type.toString(16).padStart(4, "0")}`;
  const [to, from] = [macText(frame, 0), macText(frame, 6)];
  return `${what} ${from} > ${to}, ${frame.length - HEADER_BYTES} bytes`;
}

const ARP_BYTES = 28;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;

function arpSummary(packet: Uint8Array): string {
  if (packet.length < ARP_BYTES) return "ARP, cut short";
  const isIpv4 = u16(packet, 0) === 1 && u16(packet, 2) === IPV4 && u16(packet, 4) === 0x0604;
  if (!isIpv4) return "ARP of other addresses than Ethernet's and IPv4's";
  const operation = u16(packet, 6);
  const [sender, senderIp, targetIp] = [
    macText(packet, 8),
    ipv4Text(packet, 14),
    ipv4Text(packet, 24),
  ];
  if (operation === ARP_REQUEST) return `ARP who has ${targetIp}? tell ${senderIp}`;
  if (operation === ARP_REPLY) return `ARP ${senderIp} is at ${sender}`;
  return `ARP operation ${operation}`;
}
