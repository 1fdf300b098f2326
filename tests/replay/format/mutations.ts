/** Damages recordings in every way that a disk, a transfer or a malicious hand may. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { codec } from "../../../replay/deno/codec.ts";
import {
  type ChunkRef,
  decodeFrame,
  decodePayload,
  encodeChunk,
  FILE_MAGIC,
  FRAME_BYTES,
} from "../../../replay/format/chunk.ts";
import { FormatError, MemoryFile } from "../../../replay/format/codec.ts";
import { DivergenceError } from "../../../replay/divergence.ts";
import type { Log } from "../../../replay/log.ts";
import { replay } from "../../../replay/replayer.ts";
import { buildOf, type Guest, outputHash, read, recordInto, writerOf } from "../machines.ts";

/** Short, yet with digests, typed lines and disk requests. */
export const SHORT: Guest = { image: "pocket", harts: 1, cycles: 21_000_000 };

/** No reading may take longer, whatever the file says. */
const READ_MS_MAX = 2000;

/** A chunk now and then, as a recording of real time has them. */
class SlowFile extends MemoryFile {
  #asked = 0;

  override isDue(): boolean {
    return this.#asked++ % 8 === 0;
  }
}

/** A recording of {@link SHORT} in some tens of chunks. */
export async function shortRecording(): Promise<Uint8Array> {
  const file = new SlowFile();
  await recordInto(writerOf(SHORT, file), SHORT);
  return file.bytes.slice();
}

/** The chunks of an undamaged file. */
export function chunksOf(bytes: Uint8Array): ChunkRef[] {
  const chunks: ChunkRef[] = [];
  for (let offset = FILE_MAGIC.length; offset + FRAME_BYTES <= bytes.length;) {
    const frame = decodeFrame(bytes.subarray(offset, offset + FRAME_BYTES), offset);
    chunks.push(frame);
    offset += FRAME_BYTES + frame.storedBytes;
  }
  return chunks;
}

/** One damaged copy. `isSealed`: its checksums fit, as if written so. */
export function mutate(
  bytes: Uint8Array,
  random: Random,
): { bytes: Uint8Array; isSealed: boolean } {
  const chunks = chunksOf(bytes);
  const chunk = chunks[random.below(chunks.length)];
  const end = chunk.offset + FRAME_BYTES + chunk.storedBytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  switch (random.below(8)) {
    case 0: // bit flips anywhere
      for (let n = 1 + random.below(4); n > 0; n--) {
        copy[random.below(copy.length)] ^= 1 << random.below(8);
      }
      return { bytes: copy, isSealed: false };
    case 1:
      return { bytes: copy.slice(0, random.below(copy.length)), isSealed: false };
    case 2: // a length that promises too much, or too little
      view.setUint32(chunk.offset + 12 + 4 * random.below(2), lengthBomb(random), true);
      return { bytes: copy, isSealed: false };
    case 3: // a frame's other fields
      copy[chunk.offset + random.below(FRAME_BYTES)] = random.below(256);
      return { bytes: copy, isSealed: false };
    case 4: // a chunk is missing, or comes twice
      return random.below(2) === 0
        ? { bytes: joined(bytes.subarray(0, chunk.offset), bytes.subarray(end)), isSealed: false }
        : { bytes: joined(bytes.subarray(0, end), bytes.subarray(chunk.offset)), isSealed: false };
    case 5: // zeros, as a file system leaves them after a crash
      copy.fill(0, random.below(copy.length));
      return { bytes: copy, isSealed: false };
    default:
      return { bytes: resealed(bytes, chunk, random), isSealed: true };
  }
}

function lengthBomb(random: Random): number {
  return [0, 1, 0x7fff_ffff, 0xffff_ffff, 64 << 20, random.next()][random.below(6)];
}

/** Changes what a chunk holds, and gives it a checksum that fits. */
function resealed(bytes: Uint8Array, chunk: ChunkRef, random: Random): Uint8Array {
  const end = chunk.offset + FRAME_BYTES + chunk.storedBytes;
  const whole = bytes.subarray(chunk.offset, end);
  const frame = decodeFrame(whole, chunk.offset);
  const payload = decodePayload(codec, frame, whole, whole.subarray(FRAME_BYTES)).slice();
  for (let n = 1 + random.below(3); n > 0; n--) {
    payload[random.below(payload.length)] = random.below(256);
  }
  const { type, firstCycle, lastCycle } = chunk;
  const sealed = encodeChunk(codec, { type, firstCycle, lastCycle, payload });
  return joined(bytes.subarray(0, chunk.offset), sealed, bytes.subarray(end));
}

function joined(...pieces: Uint8Array[]): Uint8Array {
  const file = new MemoryFile();
  for (const piece of pieces) file.write(piece);
  return file.bytes.slice();
}

/** What came of the mutations. */
export interface Outcomes {
  refused: number;
  read: number;
  replayed: number;
  diverged: number;
}

/**
 * Every damaged copy is refused, or is the true log up to the damage; a sealed one may say something
 * else, which then replays as it says or is a divergence.
 */
export async function fuzz(seed: number, count: number, replays: number): Promise<Outcomes> {
  const bytes = await shortRecording();
  const truth = read(bytes).log;
  const random = new Random(seed);
  const outcomes = { refused: 0, read: 0, replayed: 0, diverged: 0 };
  for (let n = 0; n < count; n++) {
    const where = `seed ${seed}, mutation ${n}`;
    const mutation = mutate(bytes, random);
    const startMs = performance.now();
    let log: Log;
    try {
      log = read(mutation.bytes).log;
      outcomes.read++;
    } catch (error) {
      assert(error instanceof FormatError, `${where}: ${error}`);
      assert(/^[\x20-\x7e…]{5,200}$/.test(error.message), `${where}: ${error.message}`);
      outcomes.refused++;
      continue;
    } finally {
      const ms = performance.now() - startMs;
      assert(ms < READ_MS_MAX, `${where}: reading took ${ms} ms`);
    }
    if (!mutation.isSealed) assertIsPrefix(log, truth, where);
    if (outcomes.replayed + outcomes.diverged >= replays) continue;
    try {
      await replay(log, buildOf(SHORT), { check: outputHash });
      outcomes.replayed++;
    } catch (error) {
      assert(mutation.isSealed && error instanceof DivergenceError, `${where}: ${error}`);
      outcomes.diverged++;
    }
  }
  return outcomes;
}

function assertIsPrefix(log: Log, truth: Log, where: string): void {
  assert(log.endCycle <= truth.endCycle, where);
  if (log.end.reason !== "cut") assertEquals(log, truth, where);
  assertEquals(log.entries, truth.entries.slice(0, log.entries.length), where);
  assertEquals(log.outputs, truth.outputs.slice(0, log.outputs.length), where);
  assertEquals(log.digests, truth.digests.slice(0, log.digests.length), where);
  // Nothing that lies before the end may be missing.
  assert(!(truth.entries[log.entries.length]?.cycle < log.endCycle), where);
  assert(!(truth.digests[log.digests.length]?.cycle <= log.endCycle), where);
}
