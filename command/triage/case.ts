/** A recording under triage: watched once, its names known, and its past open for questions. */
import { isElf } from "../../devices/boot/elf.ts";
import { eventLoopTurns } from "../../debugger/deno/event_loop.ts";
import { elfSymbols } from "../../debugger/symbols/elf_symbols.ts";
import { KernelSymbols } from "../../debugger/symbols/kernel_symbols.ts";
import { CombinedSymbols, type Symbols } from "../../debugger/symbols/symbols.ts";
import { traceValue } from "../../replay/attribution_value.ts";
import type { Cursor } from "../../replay/cursor.ts";
import type { Failure } from "../../replay/failures/failure.ts";
import { type Observation, watch } from "../../replay/failures/watch.ts";
import { deviceOf } from "../../replay/log.ts";
import { Timeline } from "../../replay/timeline.ts";
import { withProgress } from "../progress.ts";
import type { OpenRecording } from "../recording_file.ts";

/** For checkpoints, and for two machines beside the one that is watched. */
const BUDGET_BYTES = 2 ** 30;
/** A value that was not followed to its source by then is given up. */
const TRACE_MS_MAX = 20_000;

export class Case {
  readonly #recording: OpenRecording;
  readonly #timeline: Timeline;
  /** Stays at the end, for the names that the guest's memory holds there. */
  readonly #names: Symbols;
  #cursor: Cursor | undefined;

  static async open(recording: OpenRecording): Promise<Case> {
    const { log, config, build, stored } = recording;
    const timeline = new Timeline({
      log,
      budgetBytes: BUDGET_BYTES + 4 * config.memoryBytes,
      harts: config.harts,
      createMachine: (host) => build(host),
      stored,
      turn: eventLoopTurns(),
    });
    return new Case(recording, timeline, await timeline.cursor(log.endCycle));
  }

  private constructor(recording: OpenRecording, timeline: Timeline, end: Cursor) {
    this.#recording = recording;
    this.#timeline = timeline;
    const tables = recording.images.filter(({ bytes }) => isElf(bytes))
      .map(({ bytes }) => elfSymbols(bytes));
    this.#names = new CombinedSymbols([...tables, new KernelSymbols(end)]);
  }

  /** Replays it once. */
  async observe(): Promise<Observation> {
    const { log, build, config, outputHash } = this.#recording;
    const observed = await withProgress("looking", log.endCycle, true, (onProgress) =>
      watch({
        log,
        build,
        harts: config.harts,
        check: outputHash,
        names: this.#names,
        onProgress,
      }));
    const failures = [];
    for (const failure of observed.failures) failures.push(await this.#located(failure));
    return { ...observed, failures };
  }

  /** Where the value came from that made an instruction trap; `undefined` if none did. */
  async trace({ cycle, hart, trapped }: Failure) {
    if (hart === undefined || trapped === undefined) return undefined;
    const signal = AbortSignal.timeout(TRACE_MS_MAX);
    const site = { hart, pc: trapped, before: cycle };
    return await traceValue(await this.#past(), this.#names, site, signal);
  }

  /** The ids of what a device got in a cycle. */
  inputsAt(device: string, cycle: number): readonly string[] {
    return this.#recording.log.entries
      .filter((entry) => entry.cycle === cycle && deviceOf(entry.id) === device)
      .map(({ id }) => id);
  }

  /** `name+0x10 (0x…)`, or the number. */
  describe(address: bigint): string {
    const hex = `0x${address.toString(16)}`;
    const place = this.#names.nearest(address);
    if (place === undefined) return hex;
    return `${place.name}${place.offset === 0n ? "" : `+0x${place.offset.toString(16)}`} (${hex})`;
  }

  // A device has seen it, which does not know where its caller is.
  async #located(failure: Failure): Promise<Failure> {
    const { cycle, hart, pc } = failure;
    if (hart === undefined || pc !== undefined) return failure;
    const cursor = await this.#past();
    await cursor.seek(cycle);
    return { ...failure, pc: cursor.readRegister(hart, "pc") };
  }

  async #past(): Promise<Cursor> {
    return this.#cursor ??= await this.#timeline.cursor(this.#recording.log.endCycle);
  }
}
