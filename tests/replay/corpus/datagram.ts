/** A datagram from 10.0.2.2 to port 9 of Debian, in its Ethernet frame. Source: RFC 768, RFC 791. */
import { MAC } from "./debian_boot.ts";

const SENDER = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];
const IPV4 = 0x0800;
const [ETHERNET_BYTES, IP_BYTES, UDP_BYTES] = [14, 20, 8];
const FRAME_BYTES_MIN = 60;
const PORT = 9;

export function datagram(text: string): Uint8Array {
  const data = new TextEncoder().encode(text);
  const udpBytes = UDP_BYTES + data.length;
  const sizeBytes = ETHERNET_BYTES + IP_BYTES + udpBytes;
  const frame = new Uint8Array(Math.max(sizeBytes, FRAME_BYTES_MIN));
  const view = new DataView(frame.buffer);
  frame.set(MAC.split(":").map((byte) => parseInt(byte, 16)));
  frame.set(SENDER, 6);
  view.setUint16(12, IPV4);
  const ip = ETHERNET_BYTES;
  frame.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 2, 2, 10, 0, 2, 15], ip);
  view.setUint16(ip + 2, IP_BYTES + udpBytes);
  view.setUint16(ip + 10, checksum(view, ip));
  const udp = ip + IP_BYTES;
  view.setUint16(udp, PORT);
  view.setUint16(udp + 2, PORT);
  view.setUint16(udp + 4, udpBytes); // a checksum of 0: none
  frame.set(data, udp + UDP_BYTES);
  return frame;
}

function checksum(view: DataView, ip: number): number {
  let sum = 0;
  for (let at = 0; at < IP_BYTES; at += 2) sum += view.getUint16(ip + at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
