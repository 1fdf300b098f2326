/** Live ends of a lab on Deno: its guests' cards, each on its cable to passt or to a socket. */
import { setImmediate } from "node:timers";
import type { NetworkEnd, OpenEnd } from "../host/network_end.ts";
import { NetworkMailbox } from "../host/network_mailbox.ts";
import type { LabInput } from "../network/lab_host.ts";
import type { Outside } from "../network/outside.ts";
import { Doorbell } from "./doorbell.ts";

/** A card, and what its cable leads to. */
export interface OutsideCard {
  /** By number. */
  readonly guest: number;
  readonly device: string;
  readonly open: OpenEnd;
}

interface Cable extends OutsideCard {
  readonly mailbox: NetworkMailbox;
  readonly end: NetworkEnd;
}

/** Between two looks at sockets while guests are busy. */
const TURN_MS = 1;
/** A timer comes up to 2 ms late; the rest of a wait is spent looking. */
const TIMER_SLACK_MS = 2.5;
const TIMER_MS_MAX = 1000;
const CYCLES_PER_MS = 1_000_000;

export class LabOutside implements Outside {
  #cables: Cable[] = [];
  #turnedMs = 0;
  #wake = () => {};

  private constructor(readonly doorbell: Doorbell) {}

  /** @throws NetworkError for a cable that leads nowhere */
  static async open(cards: readonly OutsideCard[]): Promise<LabOutside> {
    const outside = new LabOutside(await Doorbell.open());
    try {
      for (const card of cards) {
        const mailbox = new NetworkMailbox(card.device, () => outside.#wake());
        outside.#cables.push({ ...card, mailbox, end: await card.open(mailbox) });
      }
      return outside;
    } catch (error) {
      outside.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#cables.some(({ mailbox }) => mailbox.isOpen);
  }

  async wait(cycle: number, until: number): Promise<number> {
    const startMs = performance.now();
    if (startMs - this.#turnedMs >= TURN_MS) await this.#look();
    for (;;) {
      const waited = Math.floor((performance.now() - startMs) * CYCLES_PER_MS);
      const now = until > cycle ? Math.min(cycle + waited, until) : cycle;
      const next = Math.max(now, this.#next());
      // What is on the wire has been waited for.
      if (next < until) return next;
      if (now >= until || !this.isOpen) return until;
      const restMs = (until - now) / CYCLES_PER_MS;
      if (restMs < TIMER_SLACK_MS) await this.#look();
      else await this.#arrival(Math.min(restMs - TIMER_SLACK_MS, TIMER_MS_MAX));
    }
  }

  take(guest: number, from: number, before: number): readonly LabInput[] {
    const inputs: LabInput[] = [];
    for (const { mailbox } of this.#cables.filter((cable) => cable.guest === guest)) {
      for (;;) {
        const cycle = Math.max(from, mailbox.next);
        const input = cycle < before ? mailbox.take(cycle) : undefined;
        if (input === undefined) break;
        inputs.push({ cycle, input });
      }
    }
    return inputs;
  }

  send(guest: number, device: string, bytes: Uint8Array): void {
    this.#cables.find((it) => it.guest === guest && it.device === device)?.end.send(bytes);
  }

  end(guest: number): void {
    this.#unplug(this.#cables.filter((cable) => cable.guest === guest));
    this.#cables = this.#cables.filter((cable) => cable.guest !== guest);
  }

  /** Pulls all cables out: a lab that waits waits no longer. */
  unplug(): void {
    this.#unplug(this.#cables);
  }

  close(): void {
    this.unplug();
    this.doorbell.close();
  }

  #unplug(cables: readonly Cable[]): void {
    for (const { end } of cables) end.close();
    for (const { mailbox } of cables) mailbox.close("the run ends");
  }

  #next(): number {
    return Math.min(...this.#cables.map(({ mailbox }) => mailbox.next));
  }

  async #look(): Promise<void> {
    await this.doorbell.ring();
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#turnedMs = performance.now();
  }

  #arrival(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
