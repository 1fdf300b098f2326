/**
 * The guests of a recorded lab, each under a debugger of its own, and the time that they share: one
 * client may ask the others to be where it is.
 */
import type { Debugger } from "./debugger.ts";

/** One guest, as the clients of all guests know it. */
export class LabGuest {
  readonly #open: (at: number) => Promise<Debugger>;
  #at: number;
  #debug: Debugger | undefined;

  /**
   * @param end its last cycle
   * @param ending how it ended, in a word or two
   * @param at where its client begins
   * @param open makes a debugger on a cursor of its own
   */
  constructor(
    readonly name: string,
    readonly end: number,
    readonly ending: string,
    at: number,
    open: (at: number) => Promise<Debugger>,
  ) {
    this.#at = Math.min(at, end);
    this.#open = open;
  }

  /** Where its client is. */
  get cycle(): number {
    return this.#debug?.cursor.cycle ?? this.#at;
  }

  /** Where its client will be once it looks; `undefined`: where it is. */
  get wanted(): number | undefined {
    return this.#debug?.wanted;
  }

  /** Its client, the first of them that is opened, moves with the lab; others are for looking aside. */
  async open(): Promise<Debugger> {
    const debug = await this.#open(this.#at);
    this.#debug ??= debug;
    return debug;
  }

  /** Asks its client to go to a cycle, or as close to it as the recording of this guest goes. */
  want(cycle: number): void {
    const at = Math.min(cycle, this.end);
    if (this.#debug === undefined) this.#at = at;
    else this.#debug.wanted = at === this.#debug.cursor.cycle ? undefined : at;
  }
}

/** A debugger's place in its lab. */
export interface LabPlace {
  readonly name: string;
  /** All of them, in their order. */
  readonly guests: readonly LabGuest[];
  /** The cycle in which a frame left its sender, by its id; `undefined`: there is no such frame. */
  readonly sentAt: (id: string) => Promise<number | undefined>;
}
