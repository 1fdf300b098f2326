/**
 * Runs the stretch before a failure again in tier 0 alone: what is recorded must come out there too.
 * A guest that was compiled wrongly may fail in every replay alike, and then no digest would tell.
 */
import { BLOCK_CYCLES_MAX } from "../core/hart/layout.ts";
import { DIGEST_CYCLES, type Machine } from "../core/machine.ts";
import { type Checkpoint, CheckpointedMachine } from "./checkpoint.ts";
import type { Log, LogDigest } from "./log.ts";
import { PageStore } from "./pages.ts";
import { Player } from "./player.ts";
import type { BuildMachine } from "./replayer.ts";
import type { Stored } from "./stored.ts";

/** Cycles before a failure that are looked at: from a stored checkpoint in this range if there is one. */
const WINDOW_CYCLES = { min: 1_000_000, max: 20_000_000 };
/** After so many replays all of a stretch that is hot has been compiled. */
const WARM_UPS_MAX = 4;

export interface TierOptions {
  readonly log: Log;
  readonly stored: readonly Stored[];
  /** The machine that made the recording come out. */
  readonly build: BuildMachine;
  /** The same, in tier 0 alone. */
  readonly interpret: BuildMachine;
}

/** What two runs of the same stretch came to. */
export interface TierCheck {
  /** Cycles: tier 0 has run from here, and to there or to where it differs. */
  readonly from: number;
  readonly until: number;
  /** The first cycle that compiled code executes otherwise is among these. */
  readonly differs?: { readonly from: number; readonly to: number };
}

/** @returns what tier 0 makes of the cycles before a failure; `undefined` if there is nothing to hold it against */
export async function checkTiers(
  options: TierOptions,
  failureCycle: number,
): Promise<TierCheck | undefined> {
  const { log } = options;
  const from = windowStart(options.stored, failureCycle);
  const last = log.digests.find(({ cycle }) => cycle >= failureCycle) ?? log.digests.at(-1);
  if (last === undefined || last.cycle <= from) return undefined;
  const store = new PageStore();
  const compiled = await Side.create(options.build, store, log);
  await compiled.enter(from, options.stored);
  let good = compiled.save();
  const interpreted = await Side.create(options.interpret, store, log);
  interpreted.restore(good);
  const expected = log.digests.filter(({ cycle }) => cycle > from && cycle <= last.cycle);
  for (const { cycle, digest } of expected) {
    const found = await interpreted.digestAt(cycle);
    if (found !== digest) {
      const differs = await narrow(compiled, interpreted, good, { cycle, digest: found });
      return { from, until: cycle, differs };
    }
    good = interpreted.save();
  }
  return { from, until: last.cycle };
}

/** At a digest. */
function windowStart(stored: readonly Stored[], failureCycle: number): number {
  const earliest = Math.max(0, failureCycle - WINDOW_CYCLES.max);
  const near = stored.map(({ cycle }) => cycle)
    .filter((cycle) => cycle >= earliest && cycle <= failureCycle - WINDOW_CYCLES.min);
  return near.length > 0 ? Math.max(...near) : Math.ceil(earliest / DIGEST_CYCLES) * DIGEST_CYCLES;
}

/**
 * Halves the stretch behind a state that both tiers have, if compiled code does it again, until a
 * block is left: the last cycles before a stop are always those of tier 0.
 * @param end what tier 0 comes to at its end
 */
async function narrow(
  compiled: Side,
  interpreted: Side,
  good: Checkpoint,
  end: LogDigest,
): Promise<{ from: number; to: number }> {
  let comes = false;
  for (let i = 0; i < WARM_UPS_MAX && !comes; i++) {
    compiled.restore(good);
    comes = await compiled.digestAt(end.cycle) !== end.digest;
  }
  if (!comes) return { from: good.cycle, to: end.cycle };
  let known = good;
  let to = end.cycle;
  while (to - known.cycle > 1) {
    const middle = Math.floor((known.cycle + to) / 2);
    compiled.restore(good);
    interpreted.restore(known);
    if (await compiled.digestAt(middle) === await interpreted.digestAt(middle)) {
      known = interpreted.save();
    } else to = middle;
  }
  return { from: Math.max(good.cycle, to - BLOCK_CYCLES_MAX), to };
}

/** A machine that replays parts of a log. */
class Side {
  readonly #checkpointed: CheckpointedMachine;
  readonly #reset: Checkpoint;

  private constructor(readonly machine: Machine, readonly player: Player, store: PageStore) {
    const { memoryBytes } = machine.engine.layout;
    this.#checkpointed = new CheckpointedMachine(machine, store, store.zero(memoryBytes));
    this.#reset = this.save();
  }

  static async create(build: BuildMachine, store: PageStore, log: Log): Promise<Side> {
    const player = new Player(log);
    return new Side(await build(player), player, store);
  }

  /** Goes there from the last stored checkpoint before it. */
  async enter(cycle: number, stored: readonly Stored[]): Promise<void> {
    this.#checkpointed.enter(cycle, stored, this.#reset);
    this.player.rewind(this.machine.cycle);
    await this.machine.run(cycle);
  }

  save(): Checkpoint {
    return this.#checkpointed.save(0);
  }

  restore(checkpoint: Checkpoint): void {
    this.#checkpointed.restore(checkpoint);
    this.player.rewind(checkpoint.cycle);
  }

  /** Of a cycle; what went wrong on the way there is a digest like any other. */
  async digestAt(cycle: number): Promise<string> {
    try {
      await this.machine.run(cycle);
      return this.machine.digest();
    } catch (error) {
      return String(error);
    }
  }
}
