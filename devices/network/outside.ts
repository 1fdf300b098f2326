/** What lies outside of a lab: the live ends of some cards' cables. Nobody can foresee what comes from there. */
import type { LabInput } from "./lab_host.ts";

export interface Outside {
  /** Whether more may come: while it does, a lab that waits does so in wall time. */
  readonly isOpen: boolean;
  /**
   * To be awaited before each round. All guests wait until then: so does this, in wall time, unless
   * something comes.
   * @returns the cycle at which the round begins, from `cycle` to `until`
   */
  wait(cycle: number, until: number): Promise<number>;
  /** Takes what there is for a guest's cards in a round; nothing that comes later enters it. */
  take(guest: number, from: number, before: number): readonly LabInput[];
  /** A guest has sent a frame from one of these cards. */
  send(guest: number, device: string, bytes: Uint8Array): void;
  /** A guest has ended: nothing is for it any more. */
  end(guest: number): void;
}
