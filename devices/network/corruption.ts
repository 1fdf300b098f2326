/** One flipped bit in a frame, with its checksum left wrong or made to fit. Sources: RFC 791, 8200, 1624. */

/** Behind the Ethernet header. */
const IP = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** By protocol number: where its checksum is, and where what it carries begins. */
const PROTOCOLS: Readonly<Record<number, { readonly sum: number; readonly payload: number }>> = {
  1: { sum: 2, payload: 8 }, // ICMP
  6: { sum: 16, payload: 20 }, // TCP without options
  17: { sum: 6, payload: 8 }, // UDP
  58: { sum: 2, payload: 8 }, // ICMPv6
};

/** A number from 0 to `bound` - 1. */
export type Choose = (bound: number) => number;

/** A copy with one bit flipped behind the Ethernet header; `undefined` if nothing is there. */
export function corrupted(frame: Uint8Array, choose: Choose): Uint8Array | undefined {
  if (frame.length <= IP) return undefined;
  const copy = frame.slice();
  flip(copy, IP * 8 + choose((frame.length - IP) * 8));
  return copy;
}

/**
 * A copy with one bit of the payload flipped and the checksum that covers it adjusted: only who
 * compares the content can tell. `undefined` if the frame has no such payload.
 */
export function corruptedValid(frame: Uint8Array, choose: Choose): Uint8Array | undefined {
  const segment = segmentOf(frame);
  if (segment === undefined) return undefined;
  const { start, end, sum, payload } = segment;
  const copy = frame.slice();
  const bit = (start + payload) * 8 + choose((end - start - payload) * 8);
  flip(copy, bit);
  // A zero UDP checksum means that there is none.
  const view = new DataView(copy.buffer);
  if (sum === start + 6 && view.getUint16(sum) === 0) return copy;
  const isHigh = ((bit >> 3) - start) % 2 === 0;
  const weight = (0x80 >> (bit & 7)) * (isHigh ? 256 : 1);
  const isSet = (copy[bit >> 3] & (0x80 >> (bit & 7))) !== 0;
  view.setUint16(sum, adjusted(view.getUint16(sum), isSet ? weight : -weight));
  return copy;
}

/** The checksum after the data's sum has changed by `difference`. RFC 1624: HC' = ~(~HC + ~m + m'). */
function adjusted(checksum: number, difference: number): number {
  let sum = (~checksum & 0xffff) + (difference < 0 ? difference + 0xffff : difference);
  sum = (sum & 0xffff) + (sum >>> 16);
  const result = ~sum & 0xffff;
  return result === 0 ? 0xffff : result; // the two zeros of one's complement; UDP needs this one
}

interface Segment {
  readonly start: number;
  readonly end: number;
  /** Where the checksum is, in the frame. */
  readonly sum: number;
  /** Where the payload begins, from the start of the segment. */
  readonly payload: number;
}

/** The transport's part of a frame, if it has a payload and is no fragment. */
function segmentOf(frame: Uint8Array): Segment | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const type = frame.length < IP + 20 ? 0 : view.getUint16(12);
  let start: number, end: number, protocol: number;
  if (type === ETHERTYPE_IPV4) {
    start = IP + (frame[IP] & 15) * 4;
    end = IP + view.getUint16(IP + 2);
    protocol = frame[IP + 9];
    if ((view.getUint16(IP + 6) & 0x3fff) !== 0) return undefined; // a fragment
  } else if (type === ETHERTYPE_IPV6 && frame.length >= IP + 40) {
    start = IP + 40;
    end = start + view.getUint16(IP + 4);
    protocol = frame[IP + 6];
  } else return undefined;
  const known = PROTOCOLS[protocol];
  if (known === undefined || end > frame.length || start + 20 > end && protocol === 6) {
    return undefined;
  }
  const payload = protocol === 6 ? (frame[start + 12] >> 4) * 4 : known.payload;
  if (payload < known.payload || start + payload >= end) return undefined;
  return { start, end, sum: start + known.sum, payload };
}

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] ^= 0x80 >> (bit & 7);
}
