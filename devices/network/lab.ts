/**
 * A lab: machines and the network between them, on one axis of cycles.
 *
 * Time passes in rounds. In a round every guest runs by itself to the round's edge; what it sends
 * meanwhile arrives nowhere before that edge, since every link takes at least as long as a round. So
 * guests may run in any order, or side by side, and how time is cut into rounds changes nothing.
 */
import type { Input } from "../../core/host.ts";
import type { Arriving, Fabric } from "./fabric.ts";
import type { Turn, TurnEnd } from "./lab_guest.ts";
import type { LabInput } from "./lab_host.ts";
import type { Outside } from "./outside.ts";

/** Those who run the guests: on this thread or on several. */
export interface Crew {
  /** Runs the guests that have a turn to the edge; the answers come in the order of the turns. */
  run(edge: number, turns: readonly Turn[]): Promise<readonly TurnEnd[]>;
}

/** A guest as the lab knows it. */
export interface LabMember {
  readonly name: string;
  /** Its devices on the network, with their numbers in the fabric. */
  readonly nics: readonly { readonly device: string; readonly nic: number }[];
}

export interface LabOptions {
  readonly fabric: Fabric;
  readonly members: readonly LabMember[];
  readonly crew: Crew;
  /** The other end of cards that are on no network; absent: nobody hears what they send. */
  readonly outside?: Outside;
  /** At these multiples the lab tells the network's state; in that round every guest gets there. */
  readonly meetEvery: number;
  /** Called there: what is before that cycle has happened, and no more. */
  readonly onMeet?: (cycle: number) => void;
  /** Called after each turn, in the order of the guests. */
  readonly onTurn?: (end: TurnEnd) => void;
}

interface LabGuestState {
  /** When it next acts if nothing arrives; it may stand at an earlier cycle, at which it began to wait. */
  readonly next: number;
  readonly hasEnded: boolean;
}

/** Why a lab stopped: asked to, every guest ended, or nothing can happen any more. */
export type LabStop = "until" | "ended" | "stuck";

export class Lab {
  readonly fabric: Fabric;
  readonly #options: LabOptions;
  readonly #guests: LabGuestState[];
  #cycle = 0;

  constructor(options: LabOptions) {
    this.#options = options;
    this.fabric = options.fabric;
    this.#guests = options.members.map(() => ({ next: 0, hasEnded: false }));
  }

  get cycle(): number {
    return this.#cycle;
  }

  /**
   * Runs until a cycle, at which then all guests stand that have not ended.
   * @param options `isOver` is asked after every round: once it says so, here is where the lab stops
   */
  async run(until: number, options: { readonly isOver?: () => boolean } = {}): Promise<LabStop> {
    for (;;) {
      const stop = this.#stop(until) ?? (options.isOver?.() ? "until" : undefined);
      if (stop !== undefined) {
        await this.#runTo(this.#cycle, () => true);
        return stop;
      }
      await this.#round(until);
    }
  }

  /** Takes up a lab whose guests and network were set to a state of this cycle. */
  resume(cycle: number, ended: readonly boolean[]): void {
    this.#cycle = cycle;
    ended.forEach((hasEnded, guest) => {
      this.#guests[guest] = { next: hasEnded ? Infinity : cycle, hasEnded };
    });
  }

  #stop(until: number): LabStop | undefined {
    if (this.#guests.every(({ hasEnded }) => hasEnded)) return "ended";
    if (this.#cycle >= until) return "until";
    const isOver = this.#next() === Infinity && until === Infinity;
    return isOver && !this.#options.outside?.isOpen ? "stuck" : undefined;
  }

  /** When something happens next: until then all wait. */
  #next(): number {
    return Math.min(this.fabric.next, ...this.#guests.map(({ next }) => next));
  }

  async #round(until: number): Promise<void> {
    const { meetEvery, onMeet, outside } = this.#options;
    // Whoever acts first acts at `next`; nobody else can feel that before the edge.
    const foreseen = Math.min(Math.max(this.#next(), this.#cycle), until);
    const next = outside ? await outside.wait(this.#cycle, foreseen) : foreseen;
    if (next === Infinity) return; // nobody acts any more, and nothing comes
    let meeting = (Math.floor(this.#cycle / meetEvery) + 1) * meetEvery;
    const hasMet = meeting <= next;
    for (; meeting <= next; meeting += meetEvery) {
      this.fabric.advance(meeting);
      this.#cycle = meeting;
      onMeet?.(meeting);
    }
    const edge = Math.min(next + this.fabric.lookahead, until, meeting);
    const all = hasMet || edge === until || edge === meeting;
    await this.#runTo(edge, ({ next }) => all || next < edge, next);
    if (edge === meeting) onMeet?.(meeting);
  }

  /**
   * Runs those guests to the edge that have something to do, or for which something arrives.
   * @param begins the cycle from which on something may come from outside
   */
  async #runTo(
    edge: number,
    acts: (guest: LabGuestState) => boolean,
    begins = edge,
  ): Promise<void> {
    const turns = this.#guests.flatMap((state, guest): Turn[] => {
      if (state.hasEnded) return [];
      const inputs = this.#inputsOf(guest, begins, edge);
      return inputs.length > 0 || acts(state) ? [{ guest, inputs }] : [];
    });
    if (turns.length > 0) {
      for (const end of await this.#options.crew.run(edge, turns)) this.#took(end);
    }
    this.fabric.advance(edge);
    this.#cycle = edge;
  }

  #inputsOf(guest: number, begins: number, edge: number): LabInput[] {
    const { members, outside } = this.#options;
    const ofNetwork = members[guest].nics.flatMap(({ device, nic }) =>
      this.fabric.arriving(nic, edge).map((it) => ({ cycle: it.cycle, input: inputOf(device, it) }))
    );
    const live = outside?.take(guest, begins, edge) ?? [];
    // In a cycle the network comes last: when this is replayed, all else comes from the guest's own log.
    return [...live, ...ofNetwork].sort((a, b) => a.cycle - b.cycle);
  }

  #took(end: TurnEnd): void {
    const { guest, cycle, next, sent, stop } = end;
    const { nics } = this.#options.members[guest];
    const hasEnded = stop !== undefined;
    this.#guests[guest] = { next, hasEnded };
    for (const frame of sent) {
      const nic = nics.find(({ device }) => device === frame.device)?.nic;
      if (nic !== undefined) this.fabric.send(frame.cycle, nic, frame.bytes);
      else this.#options.outside?.send(guest, frame.device, frame.bytes);
    }
    if (hasEnded) {
      for (const { nic } of nics) this.fabric.end(cycle, nic);
      this.#options.outside?.end(guest);
    }
    this.#options.onTurn?.(end);
  }
}

function inputOf(device: string, arriving: Arriving): Input {
  if (arriving.kind === "link") return { device, kind: "link", up: arriving.up };
  const { bytes, sent } = arriving;
  return { device, kind: "frame", bytes, sent };
}
