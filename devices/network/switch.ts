/** A learning switch. Source: IEEE 802.1Q, 8.7 (the learning process) and 8.8 (the filtering database). */
import { requireVersion, type State } from "../../core/state.ts";

/** 300 seconds, the default of 802.1Q, table 8-6. */
const AGEING_CYCLES = 300_000_000_000;
const ADDRESSES_MAX = 1024;
const HEADER_BYTES = 14;

interface Learned {
  readonly link: number;
  /** When a frame with this source was seen last. */
  readonly cycle: number;
}

/** Where a frame goes: to some links, or nowhere, because it is none. */
export class LearningSwitch {
  /** Addresses as 48-bit numbers; the one that was seen last stands last. */
  readonly #learned = new Map<number, Learned>();

  /** @param links the numbers of the links that end here, ascending */
  constructor(readonly id: string, readonly links: readonly number[]) {}

  /** The links on which a frame that came in by one of them goes out; `undefined`: no frame at all. */
  forward(cycle: number, frame: Uint8Array, from: number): readonly number[] | undefined {
    if (frame.length < HEADER_BYTES) return undefined;
    this.#learn(cycle, address(frame, 6), from);
    const destination = address(frame, 0);
    const known = isGroup(frame) ? undefined : this.#learned.get(destination);
    if (known !== undefined && cycle - known.cycle < AGEING_CYCLES) {
      return known.link === from ? [] : [known.link];
    }
    return this.links.filter((link) => link !== from);
  }

  save(): State {
    const learned = [...this.#learned].map(([mac, { link, cycle }]) => [mac, link, cycle]);
    return { version: 1, learned };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    this.#learned.clear();
    for (const [mac, link, cycle] of state.learned as [number, number, number][]) {
      this.#learned.set(mac, { link, cycle });
    }
  }

  #learn(cycle: number, source: number, link: number): void {
    if (Math.floor(source / 2 ** 40) % 2 === 1) return; // a group is nobody's address
    this.#learned.delete(source);
    this.#learned.set(source, { link, cycle });
    if (this.#learned.size > ADDRESSES_MAX) {
      this.#learned.delete(this.#learned.keys().next().value!);
    }
  }
}

function isGroup(frame: Uint8Array): boolean {
  return (frame[0] & 1) !== 0;
}

function address(frame: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = 0; i < 6; i++) value = value * 256 + frame[offset + i];
  return value;
}
