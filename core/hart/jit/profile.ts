/**
 * What has been hot before, by what pages hold: their code is compiled before it is executed, and
 * need not become hot again.
 *
 * A profile is a hint. Whatever it says, compiled code does what the instructions of its page do.
 */
import { SLOTS } from "../layout.ts";

/**
 * Bits of what is known of the instruction that begins at a halfword: tier 1 may execute it; control
 * jumps there more than now and then; and so often that other pages, or its own, are to enter there.
 */
export const SLOT = { known: 1, warm: 2, far: 4, near: 8 } as const;

/** Pages that are kept at most: those that were used last. */
const PAGES_MAX = 1024;
/** So many runs in a row that have no use for it keep a page. */
const LIVES = 3;

/** A page of code. */
interface Known {
  /** What it holds, as little-endian halfwords. */
  readonly code: Uint8Array;
  /** {@link SLOT} for each halfword, two to a byte. */
  slots: Uint8Array;
  /** The first page of the last run that used it. */
  start: bigint;
  lives: number;
}

/** Of a page in {@link Profile.bytes}: key, start, lives, slots and code. */
const ENTRY = { key: 0, start: 8, lives: 16, slots: 17, code: 17 + SLOTS / 2 } as const;
const ENTRY_BYTES = ENTRY.code + SLOTS * 2;

/** What is known of pages of code, each by its key: a 64-bit hash of what it holds. */
export class Profile {
  /** In the order of their use; the last used come last. */
  readonly #pages = new Map<bigint, Known>();
  #isChanged = false;

  /** Whether something has been learnt since it was made. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** @returns the start of the last run that used a page; `undefined` if it is not known */
  startOf(key: bigint): bigint | undefined {
    return this.#pages.get(key)?.start;
  }

  /** The keys of the pages that were used last by runs with a start, in the order of their use. */
  keysFrom(start: bigint): bigint[] {
    return [...this.#pages].filter(([, page]) => page.start === start).map(([key]) => key);
  }

  /** What is known of a page, which is the caller's to keep. */
  look(key: bigint): { readonly code: Uint16Array; readonly slots: Uint8Array } | undefined {
    const page = this.#pages.get(key);
    return page &&
      { code: new Uint16Array(new Uint8Array(page.code).buffer), slots: unpacked(page.slots) };
  }

  /** Adds to what is known of a page. @returns all that is known now, which is the caller's to keep */
  learn(key: bigint, code: Uint16Array, slots: Uint8Array, start: bigint): Uint8Array {
    const bytes = new Uint8Array(code.buffer, code.byteOffset, code.byteLength);
    this.#merge(key, { code: bytes.slice(), slots: packed(slots), start, lives: LIVES });
    this.use(key, start);
    return unpacked(this.#pages.get(key)!.slots);
  }

  /** A run uses a page. */
  use(key: bigint, start: bigint): void {
    const page = this.#pages.get(key)!;
    page.start = start;
    this.#pages.delete(key);
    this.#pages.set(key, page);
  }

  /** At the end of a run: whether it had a use for a page. */
  judge(key: bigint, wasOfUse: boolean): void {
    const page = this.#pages.get(key)!;
    const lives = wasOfUse ? LIVES : page.lives - 1;
    this.#isChanged ||= page.lives !== lives;
    page.lives = lives;
  }

  /** Adds what the {@link bytes} of another profile say, to which it refers from now on. */
  add(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      this.#merge(view.getBigUint64(at + ENTRY.key, true), {
        start: view.getBigUint64(at + ENTRY.start, true),
        lives: bytes[at + ENTRY.lives],
        slots: bytes.subarray(at + ENTRY.slots, at + ENTRY.code),
        code: bytes.subarray(at + ENTRY.code, at + ENTRY_BYTES),
      });
    }
  }

  /** All that is worth keeping. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const pages = [...this.#pages].filter(([, { lives }]) => lives > 0).slice(-PAGES_MAX);
    const bytes = new Uint8Array(pages.length * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    pages.forEach(([key, { code, slots, start, lives }], i) => {
      const at = i * ENTRY_BYTES;
      view.setBigUint64(at + ENTRY.key, key, true);
      view.setBigUint64(at + ENTRY.start, start, true);
      bytes[at + ENTRY.lives] = lives;
      bytes.set(slots, at + ENTRY.slots);
      bytes.set(code, at + ENTRY.code);
    });
    return bytes;
  }

  /** What has been learnt so far is no news any more. */
  settle(): void {
    this.#isChanged = false;
  }

  #merge(key: bigint, page: Known): void {
    const known = this.#pages.get(key);
    if (known === undefined) {
      this.#pages.set(key, page);
      this.#isChanged = true;
      return;
    }
    const slots = known.slots.map((flags, i) => flags | page.slots[i]);
    this.#isChanged ||= slots.some((flags, i) => flags !== known.slots[i]);
    known.slots = slots;
  }
}

function packed(slots: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(slots.length / 2);
  slots.forEach((flags, slot) => bytes[slot >> 1] |= flags << (slot & 1) * 4);
  return bytes;
}

function unpacked(bytes: Uint8Array): Uint8Array {
  const slots = new Uint8Array(bytes.length * 2);
  for (let slot = 0; slot < slots.length; slot++) {
    slots[slot] = bytes[slot >> 1] >> (slot & 1) * 4 & 15;
  }
  return slots;
}
