/** Watches a machine's network cards: which of the frames that came to them their guest never got. */
import type { LogEntry } from "../log.ts";
import type { CardDrop } from "./packet_list.ts";

export class CardWatch {
  /** Of each card: the entries of its frames with which it is not yet done, in their order. */
  readonly #waiting = new Map<string, string[]>();
  readonly #drops: CardDrop[] = [];

  /** @param entries of the machine's log, from reset on */
  constructor(entries: readonly LogEntry[]) {
    for (const entry of entries) {
      if (entry.kind !== "input" || entry.input.kind !== "frame") continue;
      const { device } = entry.input;
      const waiting = this.#waiting.get(device) ?? [];
      waiting.push(entry.id);
      this.#waiting.set(device, waiting);
    }
  }

  /** For `Machine.onFrameDone`, from reset on. */
  done(cycle: number, device: string, index: number, reason: string | undefined): void {
    const [entry] = this.#waiting.get(device)!.splice(index, 1);
    if (reason !== undefined) this.#drops.push({ entry, cycle, reason });
  }

  /** To be called where the log ends: what a card still has waits. */
  drops(): readonly CardDrop[] {
    const waiting = [...this.#waiting.values()].flat();
    return [
      ...this.#drops,
      ...waiting.map((entry) => ({ entry, cycle: undefined, reason: "waits" })),
    ];
  }
}
