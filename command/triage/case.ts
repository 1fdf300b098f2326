/** A recording under triage: watched once, its names known, and its past open for questions. */
import type { Debugger } from "../../debugger/debugger.ts";
import { virtioSources } from "../../devices/board.ts";
import type { Background } from "../../replay/attribution_candidates.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { type Trace, traceValue } from "../../replay/attribution_value.ts";
import type { Failure } from "../../replay/failures/failure.ts";
import { type Observation, watch } from "../../replay/failures/watch.ts";
import type { Kept } from "../../replay/removal.ts";
import type { Candidate } from "../../replay/attribution_candidates.ts";
import { type Refusal, refusal } from "../../replay/refusal.ts";
import { checkTiers, type TierCheck } from "../../replay/tiers.ts";
import type { ReadImage } from "../../replay/recorded_answers.ts";
import { budgetFor, debuggers } from "../debuggers.ts";
import { withProgress } from "../progress.ts";
import { type Answer, Counterfactuals } from "./counterfactuals.ts";
import type { OpenRecording } from "../recording_file.ts";

/** A value that was not followed to its source by then is given up. */
const TRACE_MS_MAX = 20_000;

export class Case {
  readonly #recording: OpenRecording;
  readonly #open: () => Promise<Debugger>;
  /** Stays at the end, for the names that the guest's memory holds there. */
  readonly #end: Debugger;
  /** Goes about. */
  #past: Debugger | undefined;
  #counterfactuals: Counterfactuals | undefined;

  /** @param readImage blocks that the recording does not hold */
  static async open(recording: OpenRecording, readImage?: ReadImage): Promise<Case> {
    const open = debuggers(recording, budgetFor(recording));
    const atEnd = () => open(recording.log.endCycle);
    const end = await atEnd().catch((error) => {
      if (error instanceof RangeError || error instanceof DivergenceError) return undefined;
      throw error;
    });
    // The replay does not get there: observing will tell where it leaves the recording.
    return new Case(recording, atEnd, end ?? await open(0), readImage);
  }

  private constructor(
    recording: OpenRecording,
    open: () => Promise<Debugger>,
    end: Debugger,
    readonly readImage: ReadImage | undefined,
  ) {
    this.#recording = recording;
    this.#open = open;
    this.#end = end;
  }

  /** Replays it once. @param of a later part of it, with a machine that begins there */
  async observe(of: Pick<OpenRecording, "log" | "build"> = this.#recording): Promise<Observation> {
    const { log, build } = of;
    const { config, outputHash } = this.#recording;
    const observed = await withProgress("looking", log.endCycle, true, (onProgress) =>
      watch({
        log,
        build,
        harts: config.harts,
        check: outputHash,
        names: this.#end.symbols,
        onProgress,
      }));
    const failures = [];
    for (const failure of observed.failures) failures.push(await this.#located(failure));
    return { ...observed, failures };
  }

  /** What is known of its host's events besides what the log says. */
  background({ effects }: Observation): Background {
    return { effects, virtioSources: virtioSources(this.#recording.config) };
  }

  /** Where the address came from over which an instruction trapped; `undefined` if none did. */
  async trace({ cycle, hart, trapped }: Failure): Promise<Trace | undefined> {
    if (hart === undefined || trapped === undefined) return undefined;
    const { cursor } = this.#past ??= await this.#open();
    return await traceValue(cursor, { hart, pc: trapped, before: cycle }, {
      entries: this.#recording.log.entries,
      names: this.#end.symbols,
      signal: AbortSignal.timeout(TRACE_MS_MAX),
    });
  }

  /** What tier 0 alone makes of the cycles before a failure. */
  async tiers({ cycle }: Failure): Promise<TierCheck | undefined> {
    return await checkTiers(this.#recording, cycle);
  }

  /** What a program was told of a device's error. */
  async refusal({ cycle }: Candidate): Promise<Refusal | undefined> {
    const { cursor } = this.#past ??= await this.#open();
    return await refusal(cursor, cycle, this.#end.symbols);
  }

  /** Whether a failure comes without these host events, or with what is kept of them. */
  async whatIf(removed: readonly string[], failure: Failure, kept?: Kept): Promise<Answer> {
    this.#counterfactuals ??= new Counterfactuals(
      this.#recording,
      this.#end.symbols,
      this.readImage,
    );
    return await this.#counterfactuals.ask(removed, failure, kept);
  }

  /** A name and the number, or the number. */
  describe(address: bigint): string {
    return this.#end.describe(address);
  }

  // A device has seen it, which does not know where its caller is.
  async #located(failure: Failure): Promise<Failure> {
    const { cycle, hart, pc } = failure;
    if (hart === undefined || pc !== undefined) return failure;
    const { cursor } = this.#past ??= await this.#open();
    await cursor.seek(cycle);
    return { ...failure, pc: cursor.readRegister(hart, "pc") };
  }
}
