/** Damages recordings in every way that a disk, a transfer or a malicious hand may. */
import { Random } from "../../../core/random.ts";
import { UART_ID } from "../../../devices/board.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { codec } from "../../../replay/deno/codec.ts";
import {
  type ChunkRef,
  type ChunkType,
  decodeFrame,
  decodePayload,
  encodeChunk,
  FILE_MAGIC,
  FRAME_BYTES,
} from "../../../replay/format/chunk.ts";
import { MemoryFile } from "../../../replay/format/codec.ts";
import type { LabEvent, NotedEvent } from "../../../replay/lab_log.ts";
import { type Guest, labWritersOf } from "../machines.ts";
import { recordStored } from "../stored.ts";

/** Short, yet with digests, typed lines, disk requests and checkpoints. */
export const SHORT: Guest = { image: "pocket", harts: 1, cycles: 51_000_000 };

const SPACING = 2_000_000;

const CYCLE_BOMBS = [
  0n,
  1n,
  10_000_000n,
  20_000_001n,
  1n << 52n,
  (1n << 53n) - 1n,
  (1n << 64n) - 1n,
];
/** Small where it is stored, and as large as a payload may be. */
const BOMB_BYTES = 64 << 20;
const BOMB_EVERY = 500;
/** A length of 8 bytes follows. Source: RFC 8949, 3. */
const CBOR_LONG = [0x5b, 0x7b, 0x9b, 0xbb];

/** A chunk now and then, as a recording of real time has them. */
class SlowFile extends MemoryFile {
  #asked = 0;

  override isDue(): boolean {
    return this.#asked++ % 8 === 0;
  }
}

/** A recording of {@link SHORT} in some tens of chunks. */
export async function shortRecording(): Promise<Uint8Array> {
  return await recordStored(SHORT, {
    file: new SlowFile(),
    host: typedHost(7, 1),
    spacing: SPACING,
  });
}

/** A recording of two of {@link SHORT}, and of a network that did something now and then. */
export async function shortLab(): Promise<Uint8Array> {
  const file = new SlowFile();
  const { lab, guests } = labWritersOf({ g1: SHORT, g2: SHORT }, file);
  // One after the other: whoever reads a file must not care.
  for (const [at, machine] of ["g1", "g2"].entries()) {
    const options = { writer: guests[at], host: typedHost(7, at + 2), spacing: SPACING, machine };
    await recordStored(SHORT, { file, ...options });
    for (let cycle = 25_000_000 * at; cycle < 25_000_000 * (at + 1); cycle += 100_000) {
      for (const event of LAB_EVENTS) lab.event({ ...event, cycle });
      lab.reached(cycle + 100_000);
    }
  }
  lab.end(SHORT.cycles);
  return file.bytes.slice();
}

const LAB_EVENTS: readonly LabEvent[] = [
  { kind: "delivered", cycle: 0, frame: "g1/net0>6", to: "g2/net0" },
  {
    ...{ kind: "dropped", cycle: 0, frame: "g1/net0>7", at: "g1.net0:up", reason: "loss" },
    event: "g1.net0:up/loss#7",
  },
  { kind: "dropped", cycle: 0, frame: "g2/net0>1", at: "lan", reason: "runt", event: undefined },
  { kind: "forwarded", cycle: 0, frame: "g1/net0>8", at: "lan", copies: 3 },
  { kind: "forwarded", cycle: 0, frame: "g1/net0>9", at: "lan", copies: 1 },
  {
    ...{ kind: "impaired", cycle: 0, frame: "g1/net0>8", event: "g1.net0:up/jitter#8" },
    ...{ what: "jitter", delay: 2 ** 40 },
  },
  {
    ...{ kind: "link", cycle: 0, link: "g1.net0", event: "g1.net0/flap#0", what: "flap" },
    begins: true,
  },
];

/** The events of {@link shortLab} that are written down. */
export function labEventsAt(cycle: number): NotedEvent[] {
  return LAB_EVENTS.map((event) => ({ ...event, cycle })).filter((event) =>
    !["g1/net0>6", "g1/net0>9"].some((frame) => "frame" in event && event.frame === frame)
  ) as NotedEvent[];
}

function typedHost(seed: number, lines: number): MemoryHost {
  return new MemoryHost({
    disks: { disk0: new Random(seed).bytes(1 << 20) },
    script: [3_000_000, 9_000_000, 31_000_000].map((cycle, n) => ({
      cycle,
      device: UART_ID,
      bytes: new TextEncoder().encode("help\n".repeat(20 * n + lines)),
    })),
    seed,
  });
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

/** A damaged copy. */
export interface Mutation {
  readonly bytes: Uint8Array;
  /** Its checksums fit, as if it had been written so. */
  readonly isSealed: boolean;
  /** Of the chunk that it is about, if it is about one. */
  readonly type: ChunkType | undefined;
}

/** One damaged copy; each type of chunk is as likely to be hit, however many there are. */
export function mutate(bytes: Uint8Array, chunks: readonly ChunkRef[], random: Random): Mutation {
  const types = [...new Set(chunks.map(({ type }) => type))];
  const type = types[random.below(types.length)];
  const candidates = chunks.filter((chunk) => chunk.type === type);
  const chunk = candidates[random.below(candidates.length)];
  const end = chunk.offset + FRAME_BYTES + chunk.storedBytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const broken = (bytes: Uint8Array, type?: ChunkType) => ({ bytes, isSealed: false, type });
  switch (random.below(10)) {
    case 0: // bit flips
      for (let n = 1 + random.below(4); n > 0; n--) {
        copy[chunk.offset + FRAME_BYTES + random.below(chunk.storedBytes)] ^= 1 << random.below(8);
      }
      return broken(copy, type);
    case 1:
      return broken(copy.slice(0, random.below(copy.length)));
    case 2: // a length that promises too much, or too little
      view.setUint32(chunk.offset + 12 + 4 * random.below(2), lengthBomb(random), true);
      return broken(copy, type);
    case 3: // a frame's other fields
      copy[chunk.offset + random.below(FRAME_BYTES)] = random.below(256);
      return broken(copy, type);
    case 4: // a chunk is missing, or comes twice
      return random.below(2) === 0
        ? broken(joined(bytes.subarray(0, chunk.offset), bytes.subarray(end)), type)
        : broken(joined(bytes.subarray(0, end), bytes.subarray(chunk.offset)), type);
    case 5: // zeros, as a file system leaves them after a crash
      copy.fill(0, random.below(copy.length));
      return broken(copy);
    case 6: // a frame that lies, with a sum that fits
      return { bytes: framed(copy, chunk, random), isSealed: true, type };
    default:
      return { bytes: resealed(bytes, chunk, random), isSealed: true, type };
  }
}

function lengthBomb(random: Random): number {
  return [0, 1, 0x7fff_ffff, 0xffff_ffff, 64 << 20, random.next()][random.below(6)];
}

/** Changes a length or a cycle of a frame. */
function framed(copy: Uint8Array, chunk: ChunkRef, random: Random): Uint8Array {
  const { offset, storedBytes } = chunk;
  const view = new DataView(copy.buffer, offset);
  const field = random.below(3);
  if (field === 0) view.setUint32(16, lengthBomb(random), true);
  else view.setBigUint64(12 + 8 * field, CYCLE_BOMBS[random.below(CYCLE_BOMBS.length)], true);
  const stored = copy.subarray(offset + FRAME_BYTES, offset + FRAME_BYTES + storedBytes);
  view.setUint32(36, codec.crc32(copy.subarray(offset, offset + 36), stored), true);
  return copy;
}

/** Changes what a chunk holds, and gives it a checksum that fits. */
function resealed(bytes: Uint8Array, chunk: ChunkRef, random: Random): Uint8Array {
  const end = chunk.offset + FRAME_BYTES + chunk.storedBytes;
  const whole = bytes.subarray(chunk.offset, end);
  const frame = decodeFrame(whole, chunk.offset);
  let payload = decodePayload(codec, frame, whole, whole.subarray(FRAME_BYTES)).slice();
  if (random.below(BOMB_EVERY) === 0) payload = new Uint8Array(BOMB_BYTES);
  else if (random.below(4) === 0) {
    // In CBOR: an array, a map, bytes or a text of so many items.
    const at = random.below(payload.length);
    payload.set(
      [CBOR_LONG[random.below(4)], 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff].slice(
        0,
        payload.length - at,
      ),
      at,
    );
  } else {
    for (let n = 1 + random.below(3); n > 0; n--) {
      payload[random.below(payload.length)] = random.below(256);
    }
  }
  const { type, owner, firstCycle, lastCycle } = chunk;
  const sealed = encodeChunk(codec, { type, owner, firstCycle, lastCycle, payload });
  return joined(bytes.subarray(0, chunk.offset), sealed, bytes.subarray(end));
}

function joined(...pieces: Uint8Array[]): Uint8Array {
  const file = new MemoryFile();
  for (const piece of pieces) file.write(piece);
  return file.bytes.slice();
}
