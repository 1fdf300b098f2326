/**
 * The hash of {@link hashBlocks} as WebAssembly: each lane of a vector hashes a block of its own, and
 * two vectors at once hide how long each step takes. Source of the encodings: WebAssembly core
 * specification 2.0, section 5.4.9 (vector instructions).
 */
import { Bytes } from "../../core/wasm/bytes.ts";

export const BLOCK_BYTES = 4096;
/** Hashed by one call: lanes of a vector, times vectors. */
export const LANES = 8;
/** In its memory: the blocks, one after the other, and behind them a word of each half per block. */
export const LOW = LANES * BLOCK_BYTES;
export const HIGH = LOW + 4 * LANES;

/** From MurmurHash3. */
const F1 = 0x85ebca6b;
const F2 = 0xc2b2ae35;

const I32 = 0x7f;
const V128 = 0x7b;
const END = 0x0b;

/** Each vector of lanes has a low and a high half, and the four pieces of 16 bytes that it reads at once. */
const VECTORS = LANES / 4;
const AT = 0; // the only i32
const low = (vector: number) => 1 + vector;
const high = (vector: number) => 1 + VECTORS + vector;
const piece = (n: number) => 1 + 2 * VECTORS + n;
const pair = (n: number) => piece(4) + n;
const V128_LOCALS = 2 * VECTORS + 8;

/** A module that exports its `memory` and `hash`, which goes on from the halves that it finds there. */
export function hashModule(): Uint8Array<ArrayBuffer> {
  const body = new Body();
  for (let vector = 0; vector < VECTORS; vector++) {
    body.load(LOW + 16 * vector).set(low(vector));
    body.load(HIGH + 16 * vector).set(high(vector));
  }
  body.raw(0x03, 0x40); // loop
  for (let vector = 0; vector < VECTORS; vector++) {
    for (let lane = 0; lane < 4; lane++) {
      body.load((4 * vector + lane) * BLOCK_BYTES).set(piece(lane));
    }
    transpose(body);
    for (let word = 0; word < 4; word++) step(body, vector, piece(word));
  }
  body.get(AT).raw(0x41, 16, 0x6a).tee(AT); // i32.const, i32.add
  body.raw(0x41).signed(BLOCK_BYTES).raw(0x49, 0x0d, 0); // i32.lt_u, br_if
  body.raw(END).raw(0x41, 0).set(AT);
  for (let vector = 0; vector < VECTORS; vector++) {
    body.store(LOW + 16 * vector, low(vector)).store(HIGH + 16 * vector, high(vector));
  }
  return moduleOf(body.raw(END).bytes);
}

/** From the pieces of four blocks to the n-th words of all four. */
function transpose(body: Body): void {
  for (const [to, one, other, half] of [[0, 0, 1, 0], [1, 2, 3, 0], [2, 0, 1, 2], [3, 2, 3, 2]]) {
    body.get(piece(one)).get(piece(other)).shuffle(half, half + 4, half + 1, half + 5);
    body.set(pair(to));
  }
  for (let word = 0; word < 4; word++) {
    const half = 2 * (word % 2);
    const first = word < 2 ? 0 : 2;
    body.get(pair(first)).get(pair(first + 1)).shuffle(half, half + 1, half + 4, half + 5);
    body.set(piece(word));
  }
}

/** Every step is a bijection of each half. */
function step(body: Body, vector: number, word: number): void {
  body.get(low(vector)).get(word).xor().splat(F1).mul().tee(low(vector));
  body.get(low(vector)).shrU(15).xor().set(low(vector));
  body.get(high(vector)).get(high(vector)).shrU(13).xor().get(word).add();
  body.splat(F2).mul().set(high(vector));
}

class Body {
  readonly bytes = new Bytes();

  raw(...bytes: number[]): this {
    this.bytes.append(bytes);
    return this;
  }
  signed(value: number): this {
    this.raw(value & 0x7f | 0x80, value >> 7 & 0x7f); // for 64 to 8191
    return this;
  }
  get(local: number): this {
    return this.raw(0x20, local);
  }
  set(local: number): this {
    return this.raw(0x21, local);
  }
  tee(local: number): this {
    return this.raw(0x22, local);
  }
  /** 16 bytes, {@link AT} beyond an address. */
  load(address: number): this {
    return this.get(AT).#vector(0x00).#memory(address);
  }
  store(address: number, local: number): this {
    return this.get(AT).get(local).#vector(0x0b).#memory(address);
  }
  /** Picks words: 0 to 3 of the first vector, 4 to 7 of the second. */
  shuffle(...words: number[]): this {
    return this.#vector(0x0d).raw(
      ...words.flatMap((word) => [0, 1, 2, 3].map((n) => 4 * word + n)),
    );
  }
  splat(value: number): this {
    const word = [0, 8, 16, 24].map((shift) => value >>> shift & 0xff);
    return this.#vector(0x0c).raw(...word, ...word, ...word, ...word);
  }
  xor(): this {
    return this.#vector(0x51);
  }
  shrU(count: number): this {
    return this.raw(0x41, count).#vector(0xad);
  }
  add(): this {
    return this.#vector(0xae);
  }
  mul(): this {
    return this.#vector(0xb5);
  }
  #vector(code: number): this {
    this.raw(0xfd);
    this.bytes.unsigned(code);
    return this;
  }
  #memory(offset: number): this {
    this.raw(0); // no alignment is promised
    this.bytes.unsigned(offset);
    return this;
  }
}

/** Source: WebAssembly core specification, 5.5. */
function moduleOf(code: Bytes): Uint8Array<ArrayBuffer> {
  const body = new Bytes();
  body.append([2, 1, I32, V128_LOCALS, V128]);
  body.append(code.take());
  const functions = new Bytes();
  functions.push(1);
  functions.sized(body);
  const exports = new Bytes();
  exports.push(2);
  exports.text("memory");
  exports.append([2, 0]);
  exports.text("hash");
  exports.append([0, 0]);
  const module = new Bytes();
  module.append([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  module.append([1, 4, 1, 0x60, 0, 0]); // types: [] -> []
  module.append([3, 2, 1, 0]); // functions
  module.append([5, 3, 1, 0, 1]); // memories: 64 KiB
  module.push(7);
  module.sized(exports);
  module.push(10);
  module.sized(functions);
  return module.take();
}
