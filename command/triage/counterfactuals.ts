/** Replays of a recording without some of its host's events, asked whether a failure comes all the same. */
import { Counterfactual } from "../../replay/counterfactual.ts";
import type { Outcome } from "../../replay/verdict.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import type { Failure } from "../../replay/failures/failure.ts";
import { isSameFailure } from "../../replay/failures/same.ts";
import { firstDifference, type Kept, type Removable } from "../../replay/removal.ts";
import { Watcher } from "../../replay/failures/watcher.ts";
import type { Names } from "../../replay/failures/witness.ts";
import type { ReadImage } from "../../replay/recorded_answers.ts";
import type { OpenRecording } from "../recording_file.ts";

/** A failure that has not come so long after the recording's end does not come. */
const LIMIT_CYCLES = 1_000_000_000;

export interface Answer {
  readonly outcome: Outcome;
  readonly why: string;
}

export class Counterfactuals {
  readonly #recording: OpenRecording;
  readonly #watcher: Watcher;
  #begun: Promise<Counterfactual> | undefined;
  #wanted: Failure | undefined;

  constructor(
    recording: OpenRecording,
    names: Names,
    readonly readImage: ReadImage | undefined,
  ) {
    this.#recording = recording;
    this.#watcher = new Watcher(names, recording.config.harts);
  }

  /**
   * @param removed ids of host events, or of inputs that came by themselves
   * @param kept of these a part remains
   */
  async ask(removed: readonly string[], failure: Failure, kept?: Kept): Promise<Answer> {
    this.#wanted = failure;
    try {
      const counterfactual = await (this.#begun ??= this.#begin());
      return await this.#without(counterfactual, removed, kept);
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      return { outcome: "undetermined", why: `the control is not the recording: ${error.message}` };
    }
  }

  async #without(
    counterfactual: Counterfactual,
    removed: readonly string[],
    kept: Kept | undefined,
  ): Promise<Answer> {
    const events: Removable[] = [];
    for (const id of removed) {
      const event = counterfactual.find(id);
      if (!event) return { outcome: "undetermined", why: `${id} cannot be taken away` };
      events.push(event);
    }
    const missing = counterfactual.missing(events);
    if (missing !== undefined) return { outcome: "undetermined", why: missing };
    if (firstDifference(events) < counterfactual.from) {
      await counterfactual.begin([...counterfactual.events, ...events]);
    }
    const { failure, unknown, unseen, end, cycle } = await counterfactual.without(events, kept);
    if (unknown !== undefined) return { outcome: "undetermined", why: unknown };
    if (failure === undefined) {
      return { outcome: "necessary", why: `without it ${end} at cycle ${cycle}` };
    }
    if (unseen !== undefined) return { outcome: "undetermined", why: unseen };
    return { outcome: "not necessary", why: "the same failure comes without it" };
  }

  // The control: the same run with nothing taken away must be the recording, digest for digest.
  async #begin(): Promise<Counterfactual> {
    const { log, stored, build } = this.#recording;
    const watcher = this.#watcher;
    const counterfactual = await Counterfactual.create({
      log,
      stored,
      readImage: this.readImage,
      limitCycles: LIMIT_CYCLES,
      build: async (host, onDigest) => {
        const machine = await build(host, onDigest);
        watcher.begin(machine);
        return machine;
      },
      onBreakpoint: (hart) => watcher.arrived(hart),
      failureOf: (stop) => {
        if (stop.reason === "power") watcher.power(stop.power);
        else watcher.end(true);
        const same = watcher.take().find((failure) => isSameFailure(failure, this.#wanted!));
        return same && `${same.kind}: ${same.message}`;
      },
    });
    await counterfactual.begin(counterfactual.events);
    return counterfactual;
  }
}
