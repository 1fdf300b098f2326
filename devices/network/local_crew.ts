/** Runs guests one after another on this thread. */
import type { Crew } from "./lab.ts";
import type { LabGuest, Turn, TurnEnd } from "./lab_guest.ts";

export class LocalCrew implements Crew {
  /** @param guests by number */
  constructor(readonly guests: ReadonlyMap<number, LabGuest>) {}

  async run(edge: number, turns: readonly Turn[]): Promise<TurnEnd[]> {
    const ends: TurnEnd[] = [];
    for (const turn of turns) ends.push(await this.guests.get(turn.guest)!.run(edge, turn));
    return ends;
  }
}
