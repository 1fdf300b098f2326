/**
 * What was done to a machine from outside, read from its state before and after: whatever the log may
 * call it.
 */
import { PLIC_DEVICE } from "../core/fault.ts";
import type { Host, Input } from "../core/host.ts";
import type { Machine } from "../core/machine.ts";
import type { State } from "../core/state.ts";
import { CYCLES_PER_TICK } from "../core/timers.ts";
import { ForwardingHost } from "./forwarding_host.ts";

export type Effect =
  /** A hart, or an interrupt, has to wait for so long, or time went on so far at once. */
  | { readonly kind: "delay"; readonly cycles: number }
  /** The interrupt controller has a request that no device made. */
  | { readonly kind: "request"; readonly source: number }
  /** Memory is another, time went back, or a request of a device is to be lost. */
  | { readonly kind: "damage" }
  | { readonly kind: "none" };

/** By {@link effectKey}. */
export type Effects = ReadonlyMap<string, Effect>;

/** More are taken for damage, each. */
const EFFECTS_MAX = 1000;

export function effectKey(device: string, request: number): string {
  return `${device} ${request}`;
}

/** Looks at a machine before and after each such input. */
export class EffectWatch extends ForwardingHost {
  readonly effects = new Map<string, Effect>();
  /** Whose host it is; to be set before it runs. */
  machine!: Machine;
  #under: { readonly key: string; readonly before: State } | undefined;

  constructor(public host: Host) {
    super();
  }

  // The machine takes an input only when it is done with the one before.
  override take(cycle: number): Input | undefined {
    if (this.#under) this.#settleLast(this.#under);
    const input = super.take(cycle);
    if (input?.kind === "fault" && this.effects.size < EFFECTS_MAX) {
      this.machine.takeWrittenPages();
      this.#under = {
        key: effectKey(input.device, input.request),
        before: this.machine.save(),
      };
    }
    return input;
  }

  #settleLast({ key, before }: { readonly key: string; readonly before: State }): void {
    const isRamWritten = this.machine.takeWrittenPages().length > 0;
    this.effects.set(key, effectOf(before, this.machine.save(), isRamWritten));
    this.#under = undefined;
  }
}

function effectOf(before: State, after: State, isRamWritten: boolean): Effect {
  const [offset, offsetAfter] = [before, after].map((state) => state.mtimeOffset as bigint);
  const ticks = Number(BigInt.asIntN(64, offsetAfter - offset));
  if (isRamWritten || ticks < 0) return { kind: "damage" };
  if (ticks > 0) return { kind: "delay", cycles: ticks * CYCLES_PER_TICK };
  const waited = waits(before);
  for (const [who, until] of waits(after)) {
    if (waited.get(who) === until) continue;
    return { kind: "delay", cycles: until - (after.cycle as number) };
  }
  const [plic, plicAfter] = [before, after].map(plicOf);
  if (`${plic.lost}` !== `${plicAfter.lost}`) return { kind: "damage" };
  for (const [word, bits] of plicAfter.pending.entries()) {
    const risen = bits & ~plic.pending[word];
    if (risen !== 0) return { kind: "request", source: 32 * word + 31 - Math.clz32(risen) };
  }
  return { kind: "none" };
}

/** Until when whoever has to wait. */
function waits(state: State): Map<string, number> {
  const { withheld = [] } = state.scheduler as unknown as { readonly withheld?: readonly number[] };
  return new Map([
    ...withheld.map((until, hart) => [`hart ${hart}`, until] as const),
    ...(plicOf(state).late ?? []).map(([source, until]) => [`source ${source}`, until] as const),
  ]);
}

/** Of the interrupt controller's state, as far as this looks at it. */
interface PlicState {
  readonly pending: readonly number[];
  readonly lost?: readonly number[];
  readonly late?: readonly (readonly [number, number])[];
}

function plicOf(state: State): PlicState {
  const devices = state.devices as Readonly<Record<string, unknown>>;
  return (devices[PLIC_DEVICE] ?? { pending: [] }) as PlicState;
}
