/** Stands between a machine and its host, and does what a plan says. */
import type { DiskRequest, Host, Input, Output } from "../../core/host.ts";
import { heldUntil } from "./console.ts";
import { type DiskInput, DiskRule } from "./disk.ts";
import { injected, type TimedFault } from "./injected.ts";
import { type FaultPlan, timedFaults } from "./plan.ts";
import { Steal } from "./steal.ts";

/** Model timing's least latency: so soon the host is taken to answer what it was not asked. */
const ANSWER_CYCLES = 20_000;

/** A request that meets a rule. */
interface Doomed {
  readonly rule: DiskRule;
  readonly device: string;
  readonly request: DiskRequest;
}

/** An answer that is kept until a cycle. */
interface Held {
  until: number;
  readonly input: Input;
  /** Let go behind the next other answer of its disk. */
  readonly isOvertaken: boolean;
}

export class FaultyHost implements Host {
  readonly #host: Host;
  readonly #timed: TimedFault[];
  readonly #disk: readonly DiskRule[];
  readonly #console: NonNullable<FaultPlan["console"]>;
  /** By device and request. */
  readonly #doomed = new Map<string, Doomed>();
  /** By the cycle until which they are kept. */
  readonly #held: Held[] = [];
  /** To be taken next. */
  readonly #ready: Input[] = [];
  /** How many things befell the machine. */
  #forcedCount = 0;
  readonly #steal: Steal | undefined;
  /** Some hart has acted since inputs were taken: a machine that is idle has no time to be stolen. */
  #hasActed = false;

  constructor(host: Host, plan: FaultPlan) {
    this.#host = host;
    this.#timed = timedFaults(plan);
    this.#disk = (plan.disk ?? []).map((rule) => new DiskRule(rule));
    this.#console = plan.console ?? [];
    this.#steal = plan.steal && new Steal(plan.steal);
  }

  output(cycle: number, device: string, output: Output): void {
    // The first rule that means a request has it.
    const rule = output.kind === "disk" &&
      this.#disk.find((rule) => rule.meets(cycle, device, output));
    if (!rule) return this.#host.output(cycle, device, output);
    const doomed = { rule, device, request: output };
    this.#doomed.set(`${device} ${output.request}`, doomed);
    const passedOn = rule.passedOn(output);
    if (passedOn !== undefined) return this.#host.output(cycle, device, passedOn);
    const { request } = output;
    this.#hold({
      until: output.due ?? cycle + ANSWER_CYCLES,
      input: { device, kind: "disk", request, error: undefined },
      isOvertaken: false,
    });
  }

  take(cycle: number): Input | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    if (this.#timed[0]?.at <= cycle) return this.#force(this.#timed.shift()!);
    if (this.#held[0]?.until <= cycle) return this.#letGo(cycle, this.#held.shift()!);
    if (this.#hasActed && this.#steal!.at <= cycle) return this.#force(this.#steal!.take(cycle));
    const input = this.#host.take(cycle);
    return input && this.#passed(cycle, input);
  }

  horizon(cycle: number): number {
    this.#hasActed = this.#steal !== undefined;
    const next = Math.min(this.#next(), this.#steal?.at ?? Infinity);
    return Math.max(cycle + 1, Math.min(this.#host.horizon(cycle), next));
  }

  settle(cycle: number): Promise<void> | undefined {
    return this.#host.settle(cycle);
  }

  idle(cycle: number, deadline: number): number | Promise<number> {
    this.#hasActed = false;
    const next = this.#next();
    return next <= cycle ? cycle : this.#host.idle(cycle, Math.min(deadline, next));
  }

  wallTimeNs(cycle: number): bigint {
    return this.#host.wallTimeNs(cycle);
  }

  #next(): number {
    if (this.#ready.length > 0) return 0;
    return Math.min(this.#timed[0]?.at ?? Infinity, this.#held[0]?.until ?? Infinity);
  }

  #force({ device, fault, text }: TimedFault): Input {
    const request = this.#forcedCount++;
    this.#ready.push({ ...fault, device, kind: "fault", request });
    return injected({ concerns: device, request, text });
  }

  /** What the machine takes of its host's input, or is told in its place. */
  #passed(cycle: number, input: Input): Input {
    if (input.kind === "disk") return this.#answer(cycle, input);
    if (input.kind !== "console") return input;
    const until = heldUntil(this.#console, cycle, input.device);
    if (until === undefined) return input;
    const concerns = input.device;
    const text = `${input.bytes.length} bytes of input come ${until - cycle} cycles later`;
    this.#hold({ until, input, isOvertaken: false });
    return injected({ concerns, ns: BigInt(until - cycle), text, bytes: input.bytes });
  }

  #answer(cycle: number, input: DiskInput): Input {
    const key = `${input.device} ${input.request}`;
    const doomed = this.#doomed.get(key);
    if (doomed === undefined) return this.#release(input);
    const { rule, device, request } = doomed;
    this.#doomed.delete(key);
    if (rule.rule.fault === "latency" || rule.rule.fault === "reorder") {
      const isOvertaken = rule.rule.fault === "reorder";
      this.#hold({ until: cycle + rule.delayCycles, input, isOvertaken });
      return rule.delayed(request, input);
    }
    // What has failed by itself needs no help.
    if (input.error !== undefined) return this.#release(input);
    const [event, falsified] = rule.falsified(request, device, input);
    this.#ready.push(this.#release(falsified));
    return event;
  }

  /** Behind an answer come those of its disk that it overtakes. */
  #release(input: DiskInput): Input {
    for (const held of this.#held) {
      if (held.isOvertaken && held.input.device === input.device) held.until = 0;
    }
    this.#held.sort((a, b) => a.until - b.until);
    return input;
  }

  /** Nobody has looked yet at an answer that its host was not asked for. */
  #letGo(cycle: number, { input }: Held): Input {
    return input.kind === "disk" ? this.#answer(cycle, input) : input;
  }

  #hold(held: Held): void {
    const index = this.#held.findIndex(({ until }) => until > held.until);
    this.#held.splice(index < 0 ? this.#held.length : index, 0, held);
  }
}
