/**
 * Where a value comes from: backward from writer to writer, to an instruction that made it, or to
 * something that came from outside.
 *
 * Copies are followed byte for byte; what was computed is followed through everything that it was
 * computed from. What is not followed is said.
 */
import { CSR_NAMES } from "../../core/isa/registers.ts";
import type { WatchHit } from "../../core/machine.ts";
import type { Cursor } from "../cursor.ts";
import { type Arrived, arrivedIn, type InputEntry, receivedIn } from "./arrivals.ts";
import { evaluate } from "./evaluate.ts";
import { type Instruction, instructionAt } from "./moment.ts";
import { type Bytes, type MemoryPlace, overlap, type Place, without } from "./place.ts";
import { type Source, type Sources, sourcesOf } from "./sources.ts";
import { lastMemoryWriter, lastRegisterWriter } from "./writers.ts";

/** How some bytes came to be where they are. */
export type Origin =
  /** An instruction copied or computed them; the steps that `from` names go on. */
  | InstructionOrigin<"copy" | "computed">
  /** An instruction made them of nothing but itself. */
  | InstructionOrigin<"constant">
  | (InstructionOrigin<"csr"> & { readonly csr: string })
  /** From the register of a device, at a physical address; `arrived`: the input that it took. */
  | (InstructionOrigin<"device-register"> & {
    readonly address: number;
    readonly arrived?: Arrived;
  })
  /** From outside, by a device's DMA. */
  | { readonly kind: "input"; readonly device: string; readonly arrived: Arrived }
  /** By a device's DMA, and no input explains it. */
  | { readonly kind: "device"; readonly device: string }
  /** A page walk set an A or D bit. */
  | { readonly kind: "walk"; readonly hart: number }
  /** There since reset: from an image that was booted, or 0. */
  | { readonly kind: "reset" }
  | { readonly kind: "cut"; readonly why: string };

interface InstructionOrigin<Kind extends string> {
  readonly kind: Kind;
  readonly hart: number;
  readonly pc: bigint;
  readonly word: number;
  /** `ra`: about where its function was called from. */
  readonly ra: bigint;
}

/** One place on the way back. */
export interface Step {
  readonly place: Place;
  /** What the bytes held. */
  readonly value: bigint;
  /** The cycle in which they were written; `undefined` if nobody did. */
  readonly cycle: number | undefined;
  readonly origin: Origin;
  /** The steps that it leads to, as indices. */
  readonly from: number[];
}

export interface Provenance {
  /** The first one is what was asked for, or its first piece; then nearest first. */
  readonly steps: readonly Step[];
  /** What was not followed, one line each. */
  readonly cut: readonly string[];
}

export interface ProvenanceOptions {
  readonly entries: readonly InputEntry[];
  /** At most. */
  readonly steps?: number;
  /** Cycles that are searched for the writer of a register. */
  readonly registerCycles?: number;
  readonly signal?: AbortSignal;
}

const STEPS_MAX = 40;
const REGISTER_CYCLES_MAX = 20_000;

/** Follows the bytes of a place, as they are where the cursor stands, backward; the cursor comes back. */
export async function provenance(
  cursor: Cursor,
  place: Place,
  options: ProvenanceOptions,
): Promise<Provenance> {
  const here = cursor.cycle;
  const search = new Search(cursor, options);
  try {
    return await search.run(place, here);
  } finally {
    await cursor.seek(here);
  }
}

interface Task {
  readonly place: Place;
  /** The bytes are those at this cycle. */
  readonly before: number;
  /** The step that leads here. */
  readonly parent: Step | undefined;
}

class Search {
  readonly #steps: Step[] = [];
  readonly #known = new Map<string, number>();
  readonly #cut: string[] = [];
  readonly #tasks: Task[] = [];
  readonly #stepsMax: number;

  constructor(readonly cursor: Cursor, readonly options: ProvenanceOptions) {
    this.#stepsMax = options.steps ?? STEPS_MAX;
  }

  async run(place: Place, before: number): Promise<Provenance> {
    this.#tasks.push({ place, before, parent: undefined });
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      if (this.options.signal?.aborted) {
        this.#cut.push("interrupted");
        break;
      }
      if (this.#steps.length >= this.#stepsMax) {
        const left = this.#tasks.length + 1;
        this.#cut.push(`${left} more after ${this.#stepsMax} steps`);
        break;
      }
      const known = this.#known.get(keyOf(task));
      if (known === undefined) await this.#follow(task);
      else task.parent?.from.push(known);
    }
    return { steps: this.#steps, cut: this.#cut };
  }

  async #follow(task: Task): Promise<void> {
    const { place, before } = task;
    if (!await this.cursor.seek(before, this.options.signal)) return;
    const value = this.#valueOf(place);
    if (place.kind === "memory") return await this.#followMemory(task, place, value);
    const { registerCycles = REGISTER_CYCLES_MAX, signal } = this.options;
    const writer = await lastRegisterWriter(this.cursor, place, before, registerCycles, signal);
    switch (writer.found) {
      case "interrupted":
        return;
      case "none":
        this.#add(task, { value, cycle: undefined, origin: { kind: "reset" } });
        return;
      case "cut": {
        const why = `nothing wrote ${place.name} of hart ${place.hart} in ${writer.cycles} cycles`;
        this.#cut.push(`${why} before ${before}`);
        this.#add(task, { value, cycle: undefined, origin: { kind: "cut", why } });
        return;
      }
      case "write": {
        const instruction = instructionAt(this.cursor, place.hart)!;
        const effect = instruction.effects.find(({ op }) => op === "setX" || op === "setF");
        if (effect?.op !== "setX" && effect?.op !== "setF") throw new TypeError("No such effect");
        const { offset, sizeBytes } = place;
        const sources = sourcesOf(effect.value, { offset, sizeBytes }, instruction);
        await this.#addInstruction(task, value, writer.cycle, instruction, sources);
      }
    }
  }

  async #followMemory(task: Task, place: MemoryPlace, value: bigint): Promise<void> {
    const { cursor, options } = this;
    const writer = await lastMemoryWriter(cursor, place, task.before, options.signal);
    if (writer.found === "interrupted") return;
    if (writer.found === "none") {
      this.#add(task, { value, cycle: undefined, origin: { kind: "reset" } });
      return;
    }
    // The last of those in that cycle; the bytes that it did not write are looked for by themselves.
    const hit = writer.hits.findLast((it) => overlap(place, rangeOf(it)))!;
    const written = overlap(place, rangeOf(hit))!;
    const { cycle } = writer;
    const rest = without(place, written);
    for (const piece of rest) this.#tasks.push({ ...task, place: piece });
    const part = { ...task, place: written };
    const shift = BigInt(8 * (written.address - place.address));
    const bytes = BigInt.asUintN(8 * written.sizeBytes, value >> shift);
    if ("device" in hit) return await this.#addDevice(part, bytes, cycle, hit, written);
    if (hit.kind === "walk") {
      this.#add(part, { value: bytes, cycle, origin: { kind: "walk", hart: hit.hart } });
      return;
    }
    const instruction = instructionAt(cursor, hit.hart);
    const sources = instruction && storedSources(instruction, hit, written);
    if (sources) return await this.#addInstruction(part, bytes, cycle, instruction, sources);
    const why = `what hart ${hit.hart} did in cycle ${cycle} is no store that can be read`;
    this.#add(part, { value: bytes, cycle, origin: { kind: "cut", why } });
  }

  async #addDevice(
    task: Task,
    value: bigint,
    cycle: number,
    hit: Extract<WatchHit, { device: string }>,
    written: MemoryPlace,
  ): Promise<void> {
    const { device } = hit;
    const { entries } = this.options;
    const arrived = await arrivedIn(this.cursor, entries, device, cycle, rangeOf(hit), written);
    const origin: Origin = arrived
      ? { kind: "input", device, arrived }
      : { kind: "device", device };
    this.#add(task, { value, cycle, origin });
  }

  // While the cursor stands before the instruction.
  async #addInstruction(
    task: Task,
    value: bigint,
    cycle: number,
    instruction: Instruction,
    { isCopy, sources }: Sources,
  ): Promise<void> {
    const { hart, pc, word } = instruction;
    const by = { hart, pc, word, ra: instruction.x(1) };
    const places = sources.flatMap((source) => this.#placesOf(hart, source));
    const end = sources.length === 1 && places.length === 0
      ? this.#endOf(hart, sources[0])
      : undefined;
    const arrived = end?.kind === "device-register"
      ? await receivedIn(this.cursor, this.options.entries, cycle)
      : undefined;
    const how = end ?? { kind: isCopy ? "copy" : "computed" } as const;
    const origin = { ...by, ...how, ...(arrived && { arrived }) } as Origin;
    const step = this.#add(task, { value, cycle, origin });
    for (const place of places) this.#tasks.push({ place, before: cycle, parent: step });
  }

  // What a source that is no place ends in.
  #endOf(hart: number, source: Source) {
    if (source.kind === "csr") {
      const csr = CSR_NAMES.get(source.number) ?? `0x${source.number.toString(16)}`;
      return { kind: "csr", csr } as const;
    }
    const address = source.kind === "memory"
      ? this.cursor.translate(hart, source.address)
      : undefined;
    return address === undefined
      ? { kind: "constant" } as const
      : { kind: "device-register", address } as const;
  }

  #placesOf(hart: number, source: Source): Place[] {
    if (source.kind === "x" || source.kind === "f") {
      const { kind, number, bytes } = source;
      return [{ ...bytes, kind: "register", hart, name: `${kind}${number}` }];
    }
    if (source.kind !== "memory") return [];
    const places: MemoryPlace[] = [];
    const { offset, sizeBytes } = source.bytes;
    for (let at = offset; at < offset + sizeBytes; at++) {
      const virtual = BigInt.asUintN(64, source.address + BigInt(at));
      const address = this.cursor.translate(hart, virtual);
      if (address === undefined || !this.cursor.readMemory(address, 1)) return [];
      const last = places.at(-1);
      if (last && last.address + last.sizeBytes === address) {
        places[places.length - 1] = { ...last, sizeBytes: last.sizeBytes + 1 };
      } else places.push({ kind: "memory", address, sizeBytes: 1 });
    }
    return places;
  }

  #add(task: Task, step: Pick<Step, "value" | "cycle" | "origin">): Step {
    const { place, parent } = task;
    const added = { place, ...step, from: [] };
    parent?.from.push(this.#steps.length);
    this.#known.set(keyOf(task), this.#steps.length);
    this.#steps.push(added);
    return added;
  }

  #valueOf(place: Place): bigint {
    if (place.kind === "register") {
      const value = this.cursor.readRegister(place.hart, place.name);
      return BigInt.asUintN(8 * place.sizeBytes, value >> BigInt(8 * place.offset));
    }
    const bytes = this.cursor.readMemory(place.address, place.sizeBytes) ?? [];
    return [...bytes].reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
  }
}

/** Where the bytes that an instruction stored came from; `undefined` if it stores nothing. */
function storedSources(
  instruction: Instruction,
  hit: Extract<WatchHit, { hart: number }>,
  written: MemoryPlace,
): Sources | undefined {
  for (const effect of instruction.effects) {
    const stored = effect.op === "store"
      ? effect
      : effect.op === "setX" && (effect.value.op === "amo" || effect.value.op === "sc")
      ? effect.value
      : undefined;
    if (!stored) continue;
    const address = evaluate(stored.address, instruction)!; // a register plus an immediate
    // A store across two pages is seen byte by byte.
    const offset = Number(hit.address - address) + written.address - hit.physical;
    const bytes: Bytes = { offset, sizeBytes: written.sizeBytes };
    const sources = sourcesOf(stored.value, bytes, instruction);
    if (stored.op !== "amo" || stored.kind === "swap") return sources;
    const old: Source = { kind: "memory", address, bytes: { offset: 0, sizeBytes: stored.size } };
    return { isCopy: false, sources: [old, ...sources.sources] };
  }
  return undefined;
}

function rangeOf({ physical, sizeBytes }: WatchHit) {
  return { address: physical, sizeBytes };
}

function keyOf({ place, before }: Task): string {
  return `${before} ${Object.values(place).join(" ")}`;
}
