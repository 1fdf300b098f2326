/** What leaves a machine, as hashes: the recorder writes them, a strict replay compares them. */
import type { XXHashAPI } from "xxhash-wasm";
import type { Output } from "../core/host.ts";
import { DivergenceError } from "./divergence.ts";
import type { Log, OutputRun } from "./log.ts";

/** A run of outputs spans at most this many cycles, so that a divergence is found near its place. */
const RUN_CYCLES_MAX = 1_000_000;
const RUN_COUNT_MAX = 256;

const KINDS = ["console", "disk", "entropy", "frame", "power"] as const;
const OPERATIONS = ["read", "write", "flush", "discard"] as const;
const ACTIONS = ["poweroff", "reset", "fail"] as const;
const HEADER_BYTES = 8 * 7;

/**
 * A hash over a sequence of outputs: XXH64 of each one's fields, little-endian binary64 in the order
 * below, and then of its bytes, each seeded with the hash so far. It begins with 0.
 */
export class OutputHash {
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#header.buffer);

  constructor(readonly hash: XXHashAPI) {}

  /** The hash with one more output. */
  add(before: bigint, cycle: number, output: Output): bigint {
    const fields = fieldsOf(output);
    this.#view.setFloat64(0, cycle, true);
    this.#view.setFloat64(8, KINDS.indexOf(output.kind), true);
    fields.forEach((value, index) => this.#view.setFloat64(16 + 8 * index, value, true));
    const header = this.#header.subarray(0, 16 + 8 * fields.length);
    const after = this.hash.h64Raw(header, before);
    const bytes = "bytes" in output ? output.bytes : undefined;
    return bytes === undefined ? after : this.hash.h64Raw(bytes, after);
  }
}

/** Gathers outputs into runs. */
export class OutputRuns {
  readonly #done: OutputRun[] = [];
  #run: { -readonly [field in keyof OutputRun]: OutputRun[field] } | undefined;

  constructor(readonly hash: OutputHash) {}

  add(cycle: number, device: string, output: Output): void {
    const run = this.#run;
    if (
      run === undefined || run.device !== device || run.count === RUN_COUNT_MAX ||
      cycle - run.first > RUN_CYCLES_MAX
    ) {
      this.#close();
      const hash = this.hash.add(0n, cycle, output);
      this.#run = { device, first: cycle, last: cycle, count: 1, hash };
      return;
    }
    run.last = cycle;
    run.count++;
    run.hash = this.hash.add(run.hash, cycle, output);
  }

  /** All runs since the last call. */
  take(): OutputRun[] {
    this.#close();
    return this.#done.splice(0);
  }

  #close(): void {
    if (this.#run !== undefined) this.#done.push(this.#run);
    this.#run = undefined;
  }
}

/** Compares what leaves a machine with what a log says. Of a cut log the tail is not known. */
export class OutputCheck {
  #next = 0;
  #count = 0;
  #hash = 0n;

  constructor(readonly log: Pick<Log, "outputs" | "end">, readonly hash: OutputHash) {}

  /** @throws DivergenceError if the log says otherwise */
  output(cycle: number, device: string, output: Output): void {
    const run = this.log.outputs[this.#next];
    if (run === undefined) {
      if (this.log.end.reason === "cut") return;
      throw new DivergenceError(cycle, device, "no more output", describe(output));
    }
    if (run.device !== device) {
      throw new DivergenceError(
        cycle,
        device,
        `output of ${run.device} at cycle ${run.first}`,
        describe(output),
      );
    }
    if (cycle > run.last || this.#count === 0 && cycle !== run.first) {
      throw new DivergenceError(
        cycle,
        device,
        `output at cycle ${this.#count === 0 ? run.first : run.last}`,
        `${describe(output)} at cycle ${cycle}`,
      );
    }
    this.#hash = this.hash.add(this.#hash, cycle, output);
    this.#count++;
    if (this.#count < run.count) return;
    if (this.#hash !== run.hash || cycle !== run.last) {
      throw new DivergenceError(
        cycle,
        device,
        describeRun(run),
        describeRun({
          ...run,
          last: cycle,
          hash: this.#hash,
        }),
      );
    }
    this.#next++;
    this.#count = 0;
    this.#hash = 0n;
  }

  /** Says that the machine has reached a cycle. @throws DivergenceError if an output is missing */
  reached(cycle: number): void {
    const run = this.log.outputs[this.#next];
    if (run === undefined || run.last >= cycle) return;
    throw new DivergenceError(
      run.last,
      run.device,
      describeRun(run),
      `${this.#count} outputs by cycle ${cycle}`,
    );
  }
}

function fieldsOf(output: Output): readonly number[] {
  switch (output.kind) {
    case "disk": {
      const { request, operation, offset, sizeBytes, due } = output;
      return [request, OPERATIONS.indexOf(operation), offset, sizeBytes, due ?? -1];
    }
    case "entropy":
      return [output.request, output.sizeBytes, output.due ?? -1];
    case "power":
      return [ACTIONS.indexOf(output.action), output.code];
    case "console":
    case "frame":
      return [output.bytes.length];
  }
}

function describeRun({ count, first, last, hash }: OutputRun): string {
  const what = count === 1 ? "1 output" : `${count} outputs`;
  return `${what} from cycle ${first} to ${last} with hash ${hash.toString(16).padStart(16, "0")}`;
}

function describe(output: Output): string {
  switch (output.kind) {
    case "disk":
      return `disk ${output.operation} ${output.request} of ${output.sizeBytes} bytes at ${output.offset}`;
    case "entropy":
      return `entropy request ${output.request} of ${output.sizeBytes} bytes`;
    case "power":
      return `power ${output.action} ${output.code}`;
    case "console":
    case "frame":
      return `${output.kind} output of ${output.bytes.length} bytes`;
  }
}
