/**
 * Answers a machine as its recording's host would have without some of its events.
 *
 * What came by itself comes at its cycle. The answer to a request is that of the recorded request
 * that asked the same: the first to the first, the second to the second, not by their numbers. It
 * takes as long as the recorded one did. A request that was never asked for succeeds, if what it reads
 * is known.
 */
import type { DiskRequest, Host, Input, Output } from "../core/host.ts";
import { Random, seedFor } from "../core/random.ts";
import type { LogEntry } from "./log.ts";
import {
  type Answered,
  BLOCK_BYTES,
  keyOf,
  KnownBlocks,
  type ReadImage,
  type Requests,
} from "./recorded_answers.ts";
import { isForced, type Removal } from "./removal.ts";

/** How long an answer takes that was never recorded. */
const ANSWER_CYCLES = 50_000;

export interface CounterfactualHostOptions {
  /** Of the recording, all. */
  readonly entries: readonly LogEntry[];
  /** The machine goes on from before the inputs of this cycle. */
  readonly from: number;
  readonly requests: Requests;
  readonly removal: Removal;
  readonly readImage?: ReadImage;
}

interface Pending {
  readonly cycle: number;
  /** Of the recorded entry; inputs of a cycle come in this order. */
  readonly index: number;
  readonly input: Input;
}

type ClockEntry = Extract<LogEntry, { kind: "wall-clock" }>;
type Request = Extract<Output, { kind: "disk" | "entropy" }>;

export class CounterfactualHost implements Host {
  /** Why nobody can say how it goes on; the machine waits for ever then. */
  unknown: string | undefined;
  /** What had to be assumed. */
  readonly assumptions = new Set<string>();
  readonly #options: CounterfactualHostOptions;
  readonly #pending: Pending[] = [];
  readonly #answers = new Map<string, Answered[]>();
  readonly #blocks = new KnownBlocks();
  readonly #clock: readonly ClockEntry[];
  #nextClock = 0;
  readonly #random: Random;

  constructor(options: CounterfactualHostOptions) {
    const { entries, from, requests } = options;
    this.#options = options;
    this.#random = new Random(seedFor(from, "counterfactual"));
    this.#clock = entries.filter((entry) => entry.kind === "wall-clock");
    const answers = requests.answers(entries, from);
    this.#learn(answers);
    for (const answered of answers) {
      const { key } = answered.asked;
      // Asked before: its number is what it was.
      if (answered.asked.cycle < 0) this.#replayAnswer(answered);
      else if (!this.#answers.get(key)?.push(answered)) this.#answers.set(key, [answered]);
    }
    for (const [index, entry] of entries.entries()) {
      if (entry.kind === "input" && entry.cycle >= from) {
        this.#plan(index, entry.cycle, entry.input);
      }
    }
  }

  /** What would have come, and is not recorded. */
  get unseen(): string | undefined {
    return this.#options.removal.unseen;
  }

  output(cycle: number, device: string, output: Output): void {
    if (output.kind !== "disk" && output.kind !== "entropy") return;
    const recorded = this.#answers.get(keyOf(device, output))?.shift();
    const input = output.kind === "disk"
      ? this.#diskAnswer(device, output, recorded)
      : this.#entropy(device, output, recorded);
    if (input === undefined) return;
    const index = recorded?.index ?? Infinity;
    this.#insert({ cycle: this.#cycleOf(cycle, output, recorded), index, input });
  }

  take(cycle: number): Input | undefined {
    return this.#pending[0]?.cycle <= cycle ? this.#pending.shift()!.input : undefined;
  }

  horizon(cycle: number): number {
    return Math.max(cycle + 1, this.#next());
  }

  settle(_cycle: number): undefined {
    return undefined;
  }

  idle(cycle: number, deadline: number): number {
    return Math.min(Math.max(this.#next(), cycle), deadline);
  }

  /** Between what was read, the calendar follows the cycle. */
  wallTimeNs(cycle: number): bigint {
    while (this.#clock[this.#nextClock]?.cycle < cycle) this.#nextClock++;
    const next = this.#clock[this.#nextClock];
    if (next?.cycle === cycle) {
      this.#nextClock++;
      return next.ns;
    }
    this.assumptions.add("the host's calendar follows the cycle where it was not read");
    const known = this.#clock[this.#nextClock - 1] ?? next;
    return known === undefined ? 0n : known.ns + BigInt(cycle - known.cycle);
  }

  /** The first block that an image has otherwise than the recording's disk had it. */
  conflict(readImage: ReadImage): { device: string; offset: number } | undefined {
    return this.#blocks.conflict(readImage);
  }

  #next(): number {
    return this.#pending[0]?.cycle ?? Infinity;
  }

  /** What disks held. The truth about what is taken away stands above what the guest saw. */
  #learn(answers: readonly Answered[]): void {
    for (const entry of this.#options.entries) {
      if (entry.kind !== "input" || entry.input.kind !== "host") continue;
      if (entry.input.event !== "image-changed") this.#learnTruth(entry.input);
    }
    for (const { asked, input } of answers) {
      if (input.kind === "disk" && input.bytes) {
        this.#blocks.add(input.device, asked.offset, input.bytes);
      }
    }
    for (const event of this.#options.removal.truths) this.#learnTruth(event);
  }

  #learnTruth({ concerns, offset, bytes }: Removal["truths"][number]): void {
    if (offset !== undefined && bytes !== undefined) this.#blocks.add(concerns, offset, bytes);
  }

  #plan(index: number, cycle: number, input: Input): void {
    if (input.kind === "disk" || input.kind === "entropy") return;
    if (input.kind === "host" && !isForced(input)) return;
    const repair = this.#options.removal.repairs.get(index);
    if (repair?.isDropped) return;
    const come = repair?.instead ?? input;
    this.#insert({ cycle: cycle - (repair?.soonerCycles ?? 0), index, input: come });
  }

  /** To a request that was in flight. */
  #replayAnswer(answered: Answered): void {
    const { asked: { offset, sizeBytes }, cycle, index, input: { device, request } } = answered;
    const asked = { kind: "disk", request, operation: "read", offset, sizeBytes, due: undefined };
    const input = answered.input.kind === "entropy"
      ? answered.input
      : this.#diskAnswer(device, asked as DiskRequest, answered);
    if (input === undefined) return;
    this.#insert({ cycle: cycle - this.#sooner(answered), index, input });
  }

  #cycleOf(cycle: number, { due }: Request, recorded: Answered | undefined): number {
    if (recorded === undefined) return due ?? cycle + ANSWER_CYCLES;
    const { asked } = recorded;
    const start = due !== undefined && asked.due !== undefined
      ? due - asked.due
      : cycle - asked.cycle;
    return Math.max(cycle, start + recorded.cycle - this.#sooner(recorded));
  }

  #sooner({ asked, index }: Answered): number {
    const repair = this.#options.removal.repairs.get(index);
    if (repair === undefined) return 0;
    return repair.soonerCycles + (asked.due === undefined ? repair.stalledCycles : 0);
  }

  #diskAnswer(
    device: string,
    asked: DiskRequest,
    recorded: Answered | undefined,
  ): Input | undefined {
    const { request, operation, offset, sizeBytes } = asked;
    const answer = { device, kind: "disk", request, error: undefined } as const;
    const found = recorded?.input.kind === "disk" ? recorded.input : undefined;
    const isMended = this.#options.removal.repairs.get(recorded?.index ?? -1)?.isMended ?? false;
    if (found === undefined) {
      this.assumptions.add("requests that the recording does not have succeed");
    } else if (!isMended) {
      const { error, torn } = found;
      const whatCame = { ...answer, error, ...(torn === undefined ? {} : { torn }) };
      if (error !== undefined) return whatCame;
      const isSame = recorded!.asked.offset === offset && recorded!.asked.sizeBytes === sizeBytes;
      if (isSame) return found.bytes ? { ...whatCame, bytes: found.bytes } : whatCame;
      if (operation !== "read") return whatCame;
    }
    if (operation !== "read" || sizeBytes === 0) return answer;
    const bytes = this.#blocks.read(device, asked, this.#options.readImage);
    if (typeof bytes !== "number") return { ...answer, bytes };
    this.unknown = `block ${bytes / BLOCK_BYTES} of ${device} is not recorded`;
    return undefined;
  }

  #entropy(
    device: string,
    { request, sizeBytes }: Extract<Request, { kind: "entropy" }>,
    recorded: Answered | undefined,
  ): Input {
    if (recorded?.input.kind === "entropy") return { ...recorded.input, request };
    this.assumptions.add("entropy that the recording does not have is chosen");
    return { device, kind: "entropy", request, bytes: this.#random.bytes(sizeBytes) };
  }

  #insert(pending: Pending): void {
    const index = this.#pending.findIndex(({ cycle, index }) =>
      cycle > pending.cycle || cycle === pending.cycle && index > pending.index
    );
    this.#pending.splice(index < 0 ? this.#pending.length : index, 0, pending);
  }
}
