/** All detectors over one machine. */
import type { PowerOutput } from "../../core/host.ts";
import type { Machine } from "../../core/machine.ts";
import { asleep } from "./asleep.ts";
import { DETECTORS } from "./detectors.ts";
import type { Detector, Failure } from "./failure.ts";
import { handling } from "./handling.ts";
import { powerFailure } from "./power.ts";
import { TrapLoops } from "./trap_loop.ts";
import { type Names, Witness } from "./witness.ts";

/** A guest that warns for ever is told of so often. */
const FAILURES_MAX = 1000;

export class Watcher {
  readonly #names: Names;
  readonly #harts: number;
  readonly #detectors: ReadonlyMap<bigint, Detector>;
  #failures: Failure[] = [];
  #machine!: Machine;
  #loops!: TrapLoops;
  /** The hart that acted last. */
  #actor = 0;

  /** @param names of the guest's functions, wherever they are when it fails */
  constructor(names: Names, harts: number) {
    this.#names = names;
    this.#harts = harts;
    this.#detectors = new Map(DETECTORS.flatMap((detector): [bigint, Detector][] => {
      const address = names.address(detector.symbol);
      return address === undefined ? [] : [[address, detector]];
    }));
  }

  /** In order of cycle. */
  get failures(): readonly Failure[] {
    return this.#failures.toSorted((a, b) => a.cycle - b.cycle);
  }

  /** Arms a machine: it stops at breakpoints from now on, and {@link arrived} wants to know. */
  begin(machine: Machine): void {
    this.#machine = machine;
    machine.onActed = (hart, from, to, traps) => {
      this.#add(this.#loops.acted(hart, from, to, traps));
      this.#actor = hart;
    };
    this.#forget();
  }

  /** What was seen since the machine was armed or this was called; it may go on from elsewhere. */
  take(): readonly Failure[] {
    const { failures } = this;
    this.#forget();
    return failures;
  }

  /** The machine has stopped at a breakpoint. */
  arrived(hart: number): void {
    const witness = new Witness(this.#machine, hart, this.#names);
    const { pc } = witness;
    this.#add(this.#loops.arrived(hart, pc));
    const seen = this.#detectors.get(pc)?.see(witness);
    if (seen === undefined) return;
    this.#add({ cycle: this.#machine.cycle, hart, pc, ...seen, callers: witness.callers() });
  }

  /** The guest has ended itself, by the last instruction. */
  power(power: PowerOutput): void {
    const ended = powerFailure(this.#machine.cycle - 1, power);
    this.#add(ended && handling(new Witness(this.#machine, this.#actor, this.#names), ended));
  }

  /** It goes no further, though it has not turned itself off. @param isLeftAlone see {@link asleep} */
  end(isLeftAlone: boolean): void {
    this.#add(asleep(this.#machine, this.#harts, isLeftAlone));
  }

  #forget(): void {
    const arm = (more: Iterable<bigint>) =>
      this.#machine.setBreakpoints(new Set([...this.#detectors.keys(), ...more]));
    arm([]);
    this.#failures = [];
    this.#loops = new TrapLoops(this.#machine, this.#names, arm);
  }

  #add(failure: Failure | undefined): void {
    if (failure && this.#failures.length < FAILURES_MAX) this.#failures.push(failure);
  }
}
