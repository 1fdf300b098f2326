/** Runs guests one after another on this thread. */
import type { Crew } from "./lab.ts";
import type { Turn, TurnEnd } from "./lab_guest.ts";

/** Takes a guest's turn, as a `LabGuest` does. */
export interface TakesTurns {
  run(edge: number, turn: Turn): Promise<TurnEnd>;
}

export class LocalCrew implements Crew {
  /** @param guests by number */
  constructor(readonly guests: ReadonlyMap<number, TakesTurns>) {}

  async run(edge: number, turns: readonly Turn[]): Promise<TurnEnd[]> {
    const ends: TurnEnd[] = [];
    for (const turn of turns) ends.push(await this.guests.get(turn.guest)!.run(edge, turn));
    return ends;
  }
}
