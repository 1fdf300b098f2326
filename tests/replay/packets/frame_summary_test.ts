/** What is said of frames, and that nothing that may come from a wire does any harm. */
import { assert, assertEquals } from "@std/assert";
import { frameSummary } from "../../../replay/packets/frame_summary.ts";
import { Random } from "../../../core/random.ts";
import {
  arp,
  be16,
  echoRequest,
  ethernet,
  ipv4,
  neighbourSolicitation,
  tcp,
  udp,
} from "./frames.ts";

const DATA = [1, 2, 3, 4, 5];

Deno.test("frameSummary() says what a frame is", () => {
  const cases: [Uint8Array, string][] = [
    [arp(1), "ARP who has 10.0.0.1? tell 10.0.0.2"],
    [arp(2), "ARP 10.0.0.2 is at 52:54:00:00:00:02"],
    [echoRequest(DATA), "ICMP 10.0.0.2 > 10.0.0.1 echo request 5, 2, 5 bytes"],
    [udp(DATA), "UDP 10.0.0.2:4097 > 10.0.0.1:7070, 5 bytes"],
    [tcp([], 2), "TCP 10.0.0.2:3000 > 10.0.0.1:80 SYN seq 1000 ack 4294967280, 0 bytes"],
    [tcp(DATA, 24), "TCP 10.0.0.2:3000 > 10.0.0.1:80 PSH ACK seq 1000 ack 4294967280, 5 bytes"],
    [neighbourSolicitation(), "ICMPv6 fe80::2 > ff02::1:ff00:1 neighbour solicitation of fe80::1"],
    [ipv4(17, DATA, 0x2001), "IPv4 10.0.0.2 > 10.0.0.1, protocol 17, fragment at 8, 5 bytes"],
    [ipv4(89, DATA), "IP 10.0.0.2 > 10.0.0.1, protocol 89, 5 bytes"],
    [ethernet(0x88cc, DATA), "type 0x88cc 52:54:00:00:00:02 > 52:54:00:00:00:01, 5 bytes"],
    [ethernet(5, DATA), "802.3 frame 52:54:00:00:00:02 > 52:54:00:00:00:01, 5 bytes"],
    [
      ethernet(0x8100, [...be16(0x2007), ...arp(1).subarray(12)]),
      "VLAN 7 ARP who has 10.0.0.1? tell 10.0.0.2",
    ],
    [new Uint8Array(13), "13 bytes, less than an Ethernet header"],
    [new Uint8Array(0), "0 bytes, less than an Ethernet header"],
  ];
  for (const [frame, expected] of cases) assertEquals(frameSummary(frame), expected);
});

Deno.test("a short frame's padding does not count", () => {
  const padded = new Uint8Array(60);
  padded.set(udp(DATA));
  assertEquals(frameSummary(padded), frameSummary(udp(DATA)));
});

Deno.test("a bit that turned over after the checksum was made is seen", () => {
  for (const whole of [udp(DATA), tcp(DATA, 24), echoRequest(DATA), neighbourSolicitation()]) {
    assert(!frameSummary(whole).includes("bad"), frameSummary(whole));
    const changed = whole.with(whole.length - 1, whole.at(-1)! ^ 4);
    assert(frameSummary(changed).endsWith(", bad checksum"), frameSummary(changed));
  }
  assert(frameSummary(udp(DATA).with(22, 1)).endsWith(", bad header checksum"));
  // A checksum of 0 means that none was made (RFC 768).
  const without = udp(DATA).with(40, 0).with(41, 0);
  assertEquals(frameSummary(without), frameSummary(udp(DATA)));
});

Deno.test("any frame, cut anywhere or with any bytes changed, has a line of printable text", () => {
  const random = new Random(7);
  const whole = [arp(1), udp(DATA), tcp(DATA, 18), echoRequest(DATA), neighbourSolicitation()];
  const check = (frame: Uint8Array) => {
    const line = frameSummary(frame);
    assert(/^[\x20-\x7e]{1,160}$/.test(line) && !/undefined|NaN/.test(line), line);
  };
  for (const frame of whole) {
    for (let length = 0; length < frame.length; length++) check(frame.subarray(0, length));
    for (let round = 0; round < 4000; round++) {
      const changed = frame.slice(0, 14 + random.below(frame.length - 13));
      for (let count = random.below(6); count >= 0; count--) {
        changed[random.below(changed.length)] = random.next();
      }
      check(changed);
    }
  }
  for (const type of [0x800, 0x806, 0x86dd, 0x8100]) {
    for (let round = 0; round < 2000; round++) {
      check(ethernet(type, [...random.bytes(random.below(80))]));
    }
  }
  check(new Uint8Array(65535));
});
