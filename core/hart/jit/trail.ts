/** One machine's way through pages of code, and that of an earlier run which it seems to follow. */
import type { Profile } from "./profile.ts";

/** A page of code that is going to be executed, if this run is like the one before. */
export interface Ahead {
  readonly key: bigint;
  readonly code: Uint16Array;
  readonly slots: Uint8Array;
}

export class Trail {
  /** The page that the machine executed first: runs from one reset have it in common. */
  #start: bigint | undefined;
  /** The start of the run that is followed. */
  #followed: bigint | undefined;
  /** Of a run that began as this one does: its pages, in the order of their use. */
  #expected: readonly bigint[] = [];
  #position = 0;
  readonly #met = new Set<bigint>();
  readonly #entered = new Set<bigint>();

  constructor(readonly profile: Profile) {}

  /**
   * The machine begins to execute a page.
   * @returns whether it has been hot in the run that is followed
   */
  meet(key: bigint): boolean {
    const start = this.profile.startOf(key);
    if (this.#start === undefined) {
      this.#start = key;
      this.#expected = this.profile.keysFrom(key);
      if (this.#expected.length > 0) this.#followed = key;
    }
    // From the middle of a run on there is nothing to be expected, but pages are known.
    this.#followed ??= start;
    this.#met.add(key);
    if (start === undefined || start !== this.#followed) return false;
    this.profile.use(key, start);
    return true;
  }

  /** Whether {@link next} may know of a page. */
  get isExpecting(): boolean {
    return this.#position < this.#expected.length;
  }

  /** The next page that is worth compiling before the machine comes there. */
  next(): Ahead | undefined {
    for (; this.#position < this.#expected.length; this.#position++) {
      const key = this.#expected[this.#position];
      const known = this.#met.has(key) ? undefined : this.profile.look(key);
      if (known === undefined) continue;
      this.#position++;
      return { key, ...known };
    }
    return undefined;
  }

  /** A page is hot. @returns what is known of it: {@link Profile.learn} */
  learn(key: bigint, code: Uint16Array, slots: Uint8Array): Uint8Array {
    return this.profile.learn(key, code, slots, this.#followed ??= this.#start ?? key);
  }

  /** Compiled code of a page is entered. */
  enter(key: bigint): void {
    this.#entered.add(key);
  }

  /** The run ends. Of pages that it had no use for nothing can be said if it ended early. */
  end(): void {
    const met = this.#expected.filter((key) => this.#met.has(key));
    if (met.length * 2 < this.#expected.length) return;
    for (const key of this.#expected) this.profile.judge(key, this.#entered.has(key));
    this.#expected = [];
  }
}
