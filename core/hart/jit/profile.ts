/**
 * What has been hot before, by what pages hold: their code is compiled when it is first decoded, and
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
const PAGES_MAX = 4096;
const KEY_BYTES = 8;
/** Of a page in {@link Profile.bytes}: its key, and two halfwords to a byte. */
const ENTRY_BYTES = KEY_BYTES + SLOTS / 2;

/** What is known of pages of code, each by a 64-bit hash of what it holds. */
export class Profile {
  /** {@link SLOT} for each halfword; the last used come last. */
  readonly #pages = new Map<bigint, Uint8Array>();
  #isChanged = false;

  /** Whether something has been learnt since it was made. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  knows(key: bigint): boolean {
    return this.#pages.has(key);
  }

  /** Adds to what is known of a page. @returns all that is known now, which is the caller's to keep */
  learn(key: bigint, slots: Uint8Array): Uint8Array {
    const before = this.#pages.get(key);
    const all = slots.map((flags, slot) => flags | (before?.[slot] ?? 0));
    this.#isChanged ||= before === undefined || all.some((flags, slot) => flags !== before[slot]);
    this.#pages.delete(key);
    this.#pages.set(key, all.slice());
    return all;
  }

  /** Adds what the {@link bytes} of another profile say. */
  add(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const slots = unpacked(bytes.subarray(at + KEY_BYTES, at + ENTRY_BYTES));
      this.learn(view.getBigUint64(at, true), slots);
    }
  }

  /** All that is worth keeping. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const pages = [...this.#pages].slice(-PAGES_MAX);
    const bytes = new Uint8Array(pages.length * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    pages.forEach(([key, slots], i) => {
      view.setBigUint64(i * ENTRY_BYTES, key, true);
      bytes.set(packed(slots), i * ENTRY_BYTES + KEY_BYTES);
    });
    return bytes;
  }

  /** What has been learnt so far is no news any more. */
  settle(): void {
    this.#isChanged = false;
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
