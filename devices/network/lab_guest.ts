/** A machine of a lab: runs it a round at a time. */
import type { Machine, Stop } from "../../core/machine.ts";
import type { LabHost, LabInput, Printed, SentFrame } from "./lab_host.ts";

/** What a guest shall do: run from where it is to the round's edge. */
export interface Turn {
  /** By number. */
  readonly guest: number;
  /** What arrives before the edge, in order of cycle. */
  readonly inputs: readonly LabInput[];
}

/** What came of it. */
export interface TurnEnd {
  readonly guest: number;
  /** The edge, or where the guest ended. */
  readonly cycle: number;
  /** If nothing arrives it does nothing before this cycle. */
  readonly next: number;
  readonly sent: readonly SentFrame[];
  readonly printed: readonly Printed[];
  /** In order of cycle; all that the machine made since its last turn. */
  readonly digests: readonly CycleDigest[];
  /** How the guest ended. */
  readonly stop?: Extract<Stop, { reason: "power" }>;
}

/** The machine's digest at a cycle. */
export interface CycleDigest {
  readonly cycle: number;
  readonly digest: string;
}

export class LabGuest {
  readonly #digests: CycleDigest[] = [];

  /** @param host the machine's, behind its recorder if it has one */
  constructor(readonly machine: Machine, readonly host: LabHost) {}

  /** To be called with each digest that the machine makes. */
  digest(cycle: number, digest: string): void {
    this.#digests.push({ cycle, digest });
  }

  async run(edge: number, { guest, inputs }: Turn): Promise<TurnEnd> {
    const { machine, host } = this;
    host.begin(edge, inputs);
    const stop = await machine.run(Infinity, { isOver: () => machine.cycle >= edge });
    const { cycle } = machine;
    const sent = host.takeSent();
    const printed = host.takePrinted();
    const digests = this.#digests.splice(0);
    const end = { guest, cycle, sent, printed, digests };
    if (stop.reason === "power") return { ...end, next: Infinity, stop };
    if (stop.reason !== "until") throw new Error(`nobody asked to stop at a ${stop.reason}`);
    return { ...end, next: host.wakes ?? cycle };
  }
}
