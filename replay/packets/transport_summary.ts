/**
 * One line about what an IP packet carries. Source: RFC 768 (UDP), RFC 9293 (TCP), RFC 792 and 4443
 * (ICMP), RFC 4861 (neighbours).
 */
import { ipv6Text, onesSum, u16, u32 } from "./bytes.ts";

/** An IP packet that is no fragment. */
export interface Datagram {
  readonly protocol: number;
  /** Addresses, as text. */
  readonly from: string;
  readonly to: string;
  readonly content: Uint8Array;
  /** What a checksum covers beside the content. */
  readonly pseudoHeader: Uint8Array;
  /** Whether all of the content is there. */
  readonly isWhole: boolean;
}

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;

export function transportSummary(datagram: Datagram): string {
  const end = (datagram.isWhole ? "" : ", cut short") + checksumNote(datagram);
  switch (datagram.protocol) {
    case ICMP:
      return icmpSummary("ICMP", datagram, ICMP_TYPES) + end;
    case ICMPV6:
      return icmpSummary("ICMPv6", datagram, ICMPV6_TYPES) + end;
    case UDP:
      return udpSummary(datagram) + end;
    case TCP:
      return tcpSummary(datagram) + end;
    default: {
      const { protocol, from, to, content } = datagram;
      return `IP ${from} > ${to}, protocol ${protocol}, ${content.length} bytes${end}`;
    }
  }
}

function checksumNote({ protocol, content, pseudoHeader, isWhole }: Datagram): string {
  if (!isWhole || ![ICMP, ICMPV6, UDP, TCP].includes(protocol)) return "";
  if (protocol === UDP && content.length >= 8 && u16(content, 6) === 0) return ""; // none was made
  const covered = protocol === ICMP ? [content] : [pseudoHeader, content];
  return onesSum(covered) === 0xffff ? "" : ", bad checksum";
}

const ICMP_TYPES: Readonly<Record<number, string>> = {
  0: "echo reply",
  3: "unreachable",
  5: "redirect",
  8: "echo request",
  11: "time exceeded",
};

const ICMPV6_TYPES: Readonly<Record<number, string>> = {
  1: "unreachable",
  2: "packet too big",
  3: "time exceeded",
  128: "echo request",
  129: "echo reply",
  133: "router solicitation",
  134: "router advertisement",
  135: "neighbour solicitation",
  136: "neighbour advertisement",
  143: "multicast report",
};

function icmpSummary(
  name: string,
  { from, to, content }: Datagram,
  types: Readonly<Record<number, string>>,
): string {
  const head = `${name} ${from} > ${to}`;
  if (content.length < 8) return `${head}, no whole header`;
  const type = types[content[0]] ?? `type ${content[0]}`;
  if (type.startsWith("echo")) {
    return `${head} ${type} ${u16(content, 4)}, ${u16(content, 6)}, ${content.length - 8} bytes`;
  }
  const hasTarget = type.startsWith("neighbour") && content.length >= 24;
  return `${head} ${type}${hasTarget ? ` of ${ipv6Text(content, 8)}` : ""}`;
}

function udpSummary({ from, to, content }: Datagram): string {
  if (content.length < 8) return `UDP ${from} > ${to}, no whole header`;
  const [source, destination] = [u16(content, 0), u16(content, 2)];
  return `UDP ${ends(from, source, to, destination)}, ${content.length - 8} bytes`;
}

const TCP_FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;

function tcpSummary({ from, to, content }: Datagram): string {
  const headerBytes = (content[12] >> 4) * 4;
  if (content.length < 20 || headerBytes < 20 || headerBytes > content.length) {
    return `TCP ${from} > ${to}, no whole header`;
  }
  const flags = TCP_FLAGS.filter((_, bit) => (content[13] >> bit & 1) === 1).join(" ");
  const head = `TCP ${ends(from, u16(content, 0), to, u16(content, 2))} ${flags}`;
  const numbers = `seq ${u32(content, 4)} ack ${u32(content, 8)}`;
  return `${head} ${numbers}, ${content.length - headerBytes} bytes`;
}

function ends(from: string, source: number, to: string, destination: number): string {
  const text = (address: string) => address.includes(":") ? `[${address}]` : address;
  return `${text(from)}:${source} > ${text(to)}:${destination}`;
}
