import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { corrupted, corruptedValid } from "../../../devices/network/corruption.ts";

/** RFC 1071, over the pseudo-header of RFC 793, 768 or 8200 and the segment: 0 if the checksum is right. */
function residue(packet: Uint8Array, isV6: boolean): number {
  const start = isV6 ? 40 : (packet[0] & 15) * 4;
  const protocol = isV6 ? packet[6] : packet[9];
  const segment = packet.subarray(start);
  const addresses = isV6 ? packet.subarray(8, 40) : packet.subarray(12, 20);
  const hasPseudoHeader = protocol !== 1;
  let sum = 0;
  const add = (bytes: Uint8Array) => {
    for (let i = 0; i < bytes.length; i++) sum += bytes[i] << (i % 2 === 0 ? 8 : 0);
  };
  if (hasPseudoHeader) {
    add(addresses);
    sum += protocol + segment.length;
  }
  add(segment);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An Ethernet frame with a right checksum. */
function packet(random: Random, protocol: number, isV6: boolean, payloadBytes: number): Uint8Array {
  const head = protocol === 6 ? 20 : 8;
  const start = isV6 ? 40 : 20;
  const bytes = random.bytes(14 + start + head + payloadBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, isV6 ? 0x86dd : 0x0800);
  const ip = bytes.subarray(14);
  if (isV6) {
    view.setUint16(18, head + payloadBytes);
    ip[6] = protocol;
  } else {
    ip[0] = 0x45;
    view.setUint16(16, start + head + payloadBytes);
    view.setUint16(20, 0x4000);
    ip[9] = protocol;
  }
  if (protocol === 6) ip[start + 12] = 0x50;
  const sum = 14 + start + ({ 1: 2, 6: 16, 17: 6, 58: 2 } as Record<number, number>)[protocol];
  view.setUint16(sum, 0);
  view.setUint16(sum, residue(ip, isV6) || 0xffff);
  assertEquals(residue(ip, isV6), 0);
  return bytes;
}

const different = (a: Uint8Array, b: Uint8Array) =>
  [...a.keys()].filter((index) => a[index] !== b[index]);

Deno.test("corruptedValid() changes one bit of the payload, and the checksum fits", () => {
  const random = new Random(11);
  for (
    const [protocol, isV6] of [[1, false], [6, false], [17, false], [6, true], [17, true], [
      58,
      true,
    ]] as const
  ) {
    const payload = 14 + (isV6 ? 40 : 20) + (protocol === 6 ? 20 : 8);
    for (let size = 1; size < 120; size++) {
      const before = packet(random, protocol, isV6, size);
      const untouched = before.slice();
      const after = corruptedValid(before, (bound) => random.below(bound))!;
      assertEquals(before, untouched);
      assertEquals(residue(after.subarray(14), isV6), 0, `protocol ${protocol}, ${size} bytes`);
      const inPayload = different(before, after).filter((index) => index >= payload);
      assertEquals(inPayload.length, 1);
      const flipped = before[inPayload[0]] ^ after[inPayload[0]];
      assert((flipped & (flipped - 1)) === 0);
      assertEquals(after.length, before.length);
    }
  }
});

Deno.test("corruptedValid() leaves alone what it cannot make valid", () => {
  const random = new Random(12);
  const choose = (bound: number) => random.below(bound);
  const udp = packet(random, 17, false, 20);
  const change = (offset: number, value: number) => {
    const copy = udp.slice();
    copy[offset] = value;
    return copy;
  };
  assertEquals(corruptedValid(change(13, 6), choose), undefined); // not IP
  assertEquals(corruptedValid(change(20, 0x20), choose), undefined); // a fragment
  assertEquals(corruptedValid(change(23, 99), choose), undefined); // another protocol
  assertEquals(corruptedValid(change(16, 99), choose), undefined); // longer than it is
  assertEquals(corruptedValid(packet(random, 17, false, 0), choose), undefined); // no payload
  for (let length = 0; length < 42; length++) corruptedValid(udp.slice(0, length), choose);
  for (let round = 0; round < 20_000; round++) {
    const garbage = random.bytes(random.below(100));
    if (garbage.length > 14) garbage.set(random.below(2) ? [8, 0, 0x45] : [0x86, 0xdd], 12);
    corruptedValid(garbage, choose); // throws nothing
  }
});

Deno.test("corrupted() flips one bit behind the Ethernet header", () => {
  const random = new Random(13);
  for (let size = 15; size < 100; size++) {
    const before = random.bytes(size);
    const [index, ...more] = different(before, corrupted(before, (bound) => random.below(bound))!);
    assertEquals(more, []);
    assert(index >= 14);
  }
  assertEquals(corrupted(new Uint8Array(14), () => 0), undefined);
});
