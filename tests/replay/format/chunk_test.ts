/** What a chunk stores of its payload, and that it is read back. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { codec } from "../../../replay/deno/codec.ts";
import {
  decodeFrame,
  decodePayload,
  FRAME_BYTES,
  frameChunk,
  packPayload,
} from "../../../replay/format/chunk.ts";
import type { Codec } from "../../../replay/format/codec.ts";
import { joined, lengthOf, type Pieces, spread } from "../../../replay/format/pieces.ts";

const MIB = 2 ** 20;
const NOISE = new Random(11).bytes(3 * MIB);

/** @returns how much of it went through the compressor, and what a reader sees */
function passed(payload: Pieces) {
  let compressedBytes = 0;
  const counting: Codec = {
    ...codec,
    compress: (bytes) => {
      compressedBytes += bytes.length;
      return codec.compress(bytes);
    },
  };
  const packed = packPayload(counting, payload);
  const place = { type: "BLOB" as const, firstCycle: 1, lastCycle: 2 };
  const bytes = joined(frameChunk(codec, { ...place, packed }));
  const frame = decodeFrame(bytes, 0);
  const read = decodePayload(codec, frame, bytes, bytes.subarray(FRAME_BYTES));
  return { compressedBytes, packed, frame, read };
}

Deno.test("noise in pieces is stored as it lies there, after a small trial", () => {
  const payload = [0, 1, 700, MIB, 2 * MIB + 4096, NOISE.length].map((end, index, ends) =>
    NOISE.subarray(ends[index - 1] ?? 0, end)
  );
  const { compressedBytes, packed, frame, read } = passed(payload);
  assert(packed.stored.every((piece, index) => piece === payload[index]), "copied");
  assert(compressedBytes <= 64 * 1024, `${compressedBytes} bytes were compressed`);
  assertEquals([frame.compression, frame.storedBytes], [0, NOISE.length]);
  assert(indexedEqual(read, NOISE));
});

Deno.test("noise that comes again behind the compressor's window is noise", () => {
  const again = NOISE.subarray(0, MIB + 512);
  const { compressedBytes, frame } = passed([again, again, again, again]);
  assert(compressedBytes <= 64 * 1024, `${compressedBytes} bytes were compressed`);
  assertEquals(frame.compression, 0);
});

Deno.test("a pattern whose bytes are as even as those of noise is compressed", () => {
  const patterns: readonly ((i: number) => number)[] = [
    (i) => i,
    (i) => i + (i >> 8),
    (i) => NOISE[i % (64 * 1024)],
  ];
  for (const byte of patterns) {
    const { frame } = passed([Uint8Array.from({ length: 2 * MIB }, (_, i) => byte(i))]);
    assertEquals(frame.compression, 1);
    assert(frame.storedBytes < MIB / 8, `${frame.storedBytes}`);
  }
});

Deno.test("a payload that is noise in part only is compressed", () => {
  const payload = [NOISE, new Uint8Array(MIB)];
  const { frame, read } = passed(payload);
  assertEquals(frame.compression, 1);
  assert(frame.storedBytes < NOISE.length + MIB / 16);
  assert(indexedEqual(read, joined(payload)));
});

Deno.test("a short payload is compressed whatever it is, and stored so if that helps", () => {
  assertEquals(passed([NOISE.subarray(0, 4096)]).frame.compression, 0);
  assertEquals(passed([new Uint8Array(2048), new Uint8Array(2048)]).frame.compression, 1);
  assertEquals(passed([]).read.length, 0);
});

Deno.test("spread() takes from all over the pieces, however they are cut", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
  const cuts = [0, 3, 3, 50, 51, 100];
  const pieces = cuts.map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
  assertEquals(spread(pieces, 4, 2).map((view) => [...view]), [[0, 1], [25, 26], [50], [75, 76]]);
  assertEquals(lengthOf(spread(pieces, 10, 1)), 10);
});

/** Without a diff of megabytes. */
function indexedEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
