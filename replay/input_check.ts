/**
 * Compares what a machine of a lab is given, by a network that runs again, with what its log says
 * that it was given.
 */
import type { Host, Input, Output } from "../core/host.ts";
import { DivergenceError } from "./divergence.ts";
import type { Log, LogEntry } from "./log.ts";
import type { LogCheck } from "./log_check.ts";
import { sameBytes } from "./same_bytes.ts";

type InputEntry = Extract<LogEntry, { kind: "input" }>;

/** Whether a machine got an entry from the network of its lab. @param devices its ends there */
export function isOfNetwork(entry: LogEntry, devices: ReadonlySet<string>): boolean {
  return entry.kind === "input" && devices.has(entry.input.device);
}

/** Stands between the machine and its host; what leaves the machine it passes on to be compared too. */
export class InputCheck implements Host {
  readonly #host: Host;
  readonly #check: LogCheck;
  readonly #expected: readonly InputEntry[];
  #next = 0;

  constructor(host: Host, log: Pick<Log, "entries">, check: LogCheck) {
    this.#host = host;
    this.#check = check;
    this.#expected = log.entries.filter((entry) => entry.kind === "input");
  }

  /** An input that has not come yet; `undefined` if there is none. */
  get next(): LogEntry | undefined {
    return this.#expected[this.#next];
  }

  /** The id of the last one that came. */
  get lastId(): string | undefined {
    return this.#expected[this.#next - 1]?.id;
  }

  /** @throws DivergenceError if one has not come that should have by this cycle */
  reached(cycle: number): void {
    const expected = this.#expected[this.#next];
    if (expected === undefined || expected.cycle >= cycle) return;
    const { device } = expected.input;
    throw new DivergenceError(expected.cycle, device, `${expected.id}`, "nothing came");
  }

  take(cycle: number): Input | undefined {
    this.reached(cycle);
    const input = this.#host.take(cycle);
    if (input === undefined) return undefined;
    const expected = this.#expected[this.#next];
    if (expected?.cycle === cycle && isSame(expected.input, input)) {
      this.#next++;
      return input;
    }
    const what = expected === undefined
      ? "no more input"
      : `${expected.id}, ${describe(expected.input)}, at cycle ${expected.cycle}`;
    throw new DivergenceError(cycle, input.device, what, describe(input));
  }

  output(cycle: number, device: string, output: Output): void {
    this.#check.output(cycle, device, output);
    this.#host.output(cycle, device, output);
  }

  horizon(cycle: number): number {
    return this.#host.horizon(cycle);
  }

  settle(cycle: number): Promise<void> | undefined {
    return this.#host.settle(cycle);
  }

  idle(cycle: number, deadline: number): number | Promise<number> {
    return this.#host.idle(cycle, deadline);
  }

  wallTimeNs(cycle: number): bigint {
    return this.#host.wallTimeNs(cycle);
  }
}

/** What does not come from the network is taken from the log itself. */
function isSame(expected: Input, input: Input): boolean {
  if (expected === input) return true;
  if (expected.device !== input.device) return false;
  if (expected.kind === "link") return input.kind === "link" && expected.up === input.up;
  if (expected.kind !== "frame" || input.kind !== "frame") return false;
  return expected.sent === input.sent && sameBytes(expected.bytes, input.bytes);
}

function describe(input: Input): string {
  if (input.kind === "link") return `link ${input.up ? "up" : "down"}`;
  if (input.kind !== "frame") return input.kind;
  const { length } = input.bytes;
  const start = Array.from(
    input.bytes.subarray(0, 34),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
  return `frame ${input.sent ?? ""} of ${length} bytes ${start}${length > 34 ? "…" : ""}`;
}
