/**
 * A host in memory: for tests and browsers. Everything that it answers follows from its options, so
 * two machines on two such hosts see the same inputs at the same cycles.
 */
import type { DiskRequest, Host, Input, Output, PowerOutput } from "../../core/host.ts";
import { Random, seedFor } from "../../core/random.ts";
import { LATENCY_CYCLES_MIN } from "../virtio/latency.ts";

/** Console bytes that the guest sees at a cycle. */
export interface ScriptedInput {
  readonly cycle: number;
  readonly device: string;
  readonly bytes: Uint8Array;
}

export interface MemoryHostOptions {
  /** Disk images by device. Never written to, except by the host itself with `through`. */
  readonly disks?: Readonly<Record<string, Uint8Array>>;
  /** Writes change the images in place. */
  readonly through?: boolean;
  readonly script?: readonly ScriptedInput[];
  /** 32 bits, for entropy. */
  readonly seed?: number;
  /** Wall time at cycle 0, in nanoseconds since 1970; 2026-01-01 by default. */
  readonly epochNs?: bigint;
}

interface Pending {
  /** The cycle at which it is taken, at the earliest. */
  readonly cycle: number;
  readonly input: Input;
}

const EPOCH_NS = 1_767_225_600_000_000_000n;

export class MemoryHost implements Host {
  /** The last power output. */
  power: PowerOutput | undefined;
  readonly #options: MemoryHostOptions;
  /** Sorted by cycle; of the same cycle in order of arrival. */
  readonly #pending: Pending[] = [];
  readonly #console = new Map<string, Uint8Array[]>();
  readonly #frames = new Map<string, Uint8Array[]>();
  readonly #entropy = new Map<string, Random>();

  constructor(options: MemoryHostOptions = {}) {
    this.#options = options;
    for (const { cycle, device, bytes } of options.script ?? []) {
      this.#insert(cycle, { device, kind: "console", bytes });
    }
  }

  /** What a console has printed so far. */
  consoleOutput(device: string): Uint8Array {
    const pieces = this.#console.get(device) ?? [];
    const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let filled = 0;
    for (const piece of pieces) {
      all.set(piece, filled);
      filled += piece.length;
    }
    if (pieces.length > 1) this.#console.set(device, [all]);
    return all.slice();
  }

  /** The frames that a network device has sent so far. */
  frames(device: string): readonly Uint8Array[] {
    return this.#frames.get(device) ?? [];
  }

  /** Queues an input that the machine takes at its next poll, or at `cycle`. */
  send(input: Input, cycle = 0): void {
    this.#insert(cycle, input);
  }

  output(cycle: number, device: string, output: Output): void {
    switch (output.kind) {
      case "console":
        return append(this.#console, device, output.bytes);
      case "frame":
        return append(this.#frames, device, output.bytes);
      case "power":
        this.power = output;
        return;
      case "disk":
        return this.#insert(output.due ?? cycle, this.#diskAnswer(device, output));
      case "entropy": {
        const { request, sizeBytes, due } = output;
        const bytes = this.#entropyOf(device).bytes(sizeBytes);
        return this.#insert(due ?? cycle, { device, kind: "entropy", request, bytes });
      }
    }
  }

  take(cycle: number): Input | undefined {
    const first = this.#pending[0];
    return first !== undefined && first.cycle <= cycle ? this.#pending.shift()!.input : undefined;
  }

  /**
   * Never past the next input, and so near that a request of `model` timing that is made on the way
   * cannot be due before the machine asks again.
   */
  horizon(cycle: number): number {
    const next = this.#pending[0]?.cycle ?? Infinity;
    return Math.max(cycle + 1, Math.min(next, cycle + LATENCY_CYCLES_MIN));
  }

  settle(_cycle: number): undefined {
    return undefined;
  }

  idle(cycle: number, deadline: number): number {
    const next = this.#pending[0]?.cycle ?? Infinity;
    return Math.min(Math.max(next, cycle), deadline);
  }

  wallTimeNs(cycle: number): bigint {
    return (this.#options.epochNs ?? EPOCH_NS) + BigInt(cycle);
  }

  #insert(cycle: number, input: Input): void {
    let index = this.#pending.length;
    while (index > 0 && this.#pending[index - 1].cycle > cycle) index--;
    this.#pending.splice(index, 0, { cycle, input });
  }

  #diskAnswer(device: string, request: DiskRequest): Input {
    const answer = { device, kind: "disk", request: request.request } as const;
    const image = this.#options.disks?.[device];
    const { offset, sizeBytes } = request;
    if (
      image === undefined || (request.operation !== "discard" && offset + sizeBytes > image.length)
    ) {
      return { ...answer, error: "EIO" };
    }
    if (request.operation === "read") {
      return { ...answer, error: undefined, bytes: image.slice(offset, offset + sizeBytes) };
    }
    if (request.bytes !== undefined && this.#options.through) image.set(request.bytes, offset);
    return { ...answer, error: undefined };
  }

  #entropyOf(device: string): Random {
    let random = this.#entropy.get(device);
    if (random === undefined) {
      random = new Random(seedFor(this.#options.seed ?? 0, device));
      this.#entropy.set(device, random);
    }
    return random;
  }
}

function append(lists: Map<string, Uint8Array[]>, device: string, bytes: Uint8Array): void {
  const list = lists.get(device);
  if (list === undefined) lists.set(device, [bytes]);
  else list.push(bytes);
}
