/** The hash of blocks against its definition, word by word. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { BLOCK_BYTES, hashBlocks, type Hashed } from "../../../devices/virtio/block_hash.ts";

const SEED = 11;

/** As block_hash.ts says it. */
function expected({ number, kind, source, start }: Hashed): { low: number; high: number } {
  const view = new DataView(source.buffer, source.byteOffset + start, BLOCK_BYTES);
  let low = Math.imul(number, 0xcc9e2d51) ^ kind;
  let high = Math.imul(number ^ Math.floor(number / 2 ** 32), 0x1b873593) + kind | 0;
  for (let at = 0; at < BLOCK_BYTES; at += 4) {
    const word = view.getInt32(at, true);
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    high = Math.imul((high ^ (high >>> 13)) + word, 0xc2b2ae35);
  }
  return { low, high };
}

const block = (number: number, kind: number, source: Uint8Array, start: number): Hashed => ({
  ...{ number, kind, source, start, low: 0, high: 0 },
});

Deno.test("hashBlocks() of any number of blocks, wherever they lie, is what it is defined as", () => {
  const random = new Random(SEED);
  const sources = [new SharedArrayBuffer(64 * BLOCK_BYTES), new ArrayBuffer(64 * BLOCK_BYTES)]
    .map((buffer) => new Uint8Array(buffer));
  for (const source of sources) source.set(random.bytes(source.length));
  sources.push(sources[0].subarray(3)); // unaligned
  for (let count = 0; count <= 40; count++) {
    const blocks: Hashed[] = [];
    while (blocks.length < count) {
      const source = sources[random.below(sources.length)];
      let start = random.below(source.length - 8 * BLOCK_BYTES);
      // Some in a row, as one read brings them.
      for (let left = 1 + random.below(8); left > 0 && blocks.length < count; left--) {
        const number = random.below(2 ** 31) * (1 + random.below(2 ** 20));
        blocks.push(block(number, random.below(257), source, start));
        start += BLOCK_BYTES;
      }
    }
    hashBlocks(blocks);
    blocks.forEach((it, index) => {
      const { low, high } = it;
      assertEquals({ low, high }, expected(it), `seed ${SEED}, block ${index} of ${count}`);
    });
  }
});

Deno.test("hashBlocks() tells blocks apart that differ in one bit, in each half", () => {
  const source = new Uint8Array(2 * BLOCK_BYTES);
  for (let bit = 0; bit < 8 * BLOCK_BYTES; bit += 37) {
    source.fill(0);
    source[BLOCK_BYTES + (bit >> 3)] = 1 << (bit & 7);
    const [one, other] = [0, BLOCK_BYTES].map((start) => block(5, 0, source, start));
    hashBlocks([one, other]);
    assert(one.low !== other.low && one.high !== other.high, `bit ${bit}`);
  }
});
