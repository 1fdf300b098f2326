/**
 * Answers a machine that goes on otherwise than its recording, in model timing: the same requests
 * have the same answers, and what came by itself comes at the same cycles.
 */
import type { DiskRequest, Host, Input, Output } from "../core/host.ts";
import { Random, seedFor } from "../core/random.ts";
import type { LogEntry } from "./log.ts";

const BLOCK_BYTES = 4096;

/** Blocks of disks that a recording holds. */
export class RecordedBlocks {
  readonly #blocks = new Map<string, Uint8Array>();

  /** What a disk answered to a read; its first byte is that of a block. */
  add(device: string, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      this.#blocks.set(`${device} ${offset + at}`, bytes.subarray(at, at + BLOCK_BYTES));
    }
  }

  /** `undefined` unless all of it is known. */
  read(device: string, offset: number, sizeBytes: number): Uint8Array | undefined {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
      const block = this.#blocks.get(`${device} ${offset + at}`);
      if (block === undefined) return undefined;
      bytes.set(block.subarray(0, sizeBytes - at), at);
    }
    return bytes;
  }
}

export interface RecordedHostOptions {
  /** Of the recording, without what came from the network. */
  readonly entries: readonly LogEntry[];
  /** The machine goes on from here, and waits for no answer. */
  readonly from: number;
  readonly blocks: RecordedBlocks;
}

interface Pending {
  readonly cycle: number;
  readonly input: Input;
}

export class RecordedHost implements Host {
  /** A read that the recording has no answer to; it failed with EIO. */
  unknown: DiskRequest | undefined;
  readonly #blocks: RecordedBlocks;
  /** Sorted by cycle. */
  readonly #pending: Pending[] = [];
  /** What comes by itself. */
  readonly #planned: Pending[] = [];
  /** By device and request. */
  readonly #entropy = new Map<string, Uint8Array>();
  readonly #random: Random;
  /** Wall time minus cycles. */
  readonly #epochNs: bigint;

  constructor({ entries, from, blocks }: RecordedHostOptions) {
    this.#blocks = blocks;
    this.#random = new Random(seedFor(from, "recorded"));
    let epochNs = 0n;
    for (const entry of entries) {
      const { cycle } = entry;
      if (entry.kind === "wall-clock") epochNs = entry.ns - BigInt(cycle);
      else if (cycle >= from) this.#plan(cycle, entry.input);
    }
    this.#epochNs = epochNs;
  }

  output(cycle: number, device: string, output: Output): void {
    if (output.kind === "disk") {
      this.#insert(output.due ?? cycle, this.#diskAnswer(device, output));
    } else if (output.kind === "entropy") {
      const { request, sizeBytes, due } = output;
      const recorded = this.#entropy.get(`${device} ${request}`);
      const bytes = recorded?.length === sizeBytes ? recorded : this.#random.bytes(sizeBytes);
      this.#insert(due ?? cycle, { device, kind: "entropy", request, bytes });
    }
  }

  take(cycle: number): Input | undefined {
    const list = [this.#pending, this.#planned].find(([first]) => first?.cycle <= cycle);
    return list?.shift()?.input;
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

  wallTimeNs(cycle: number): bigint {
    return this.#epochNs + BigInt(cycle);
  }

  #next(): number {
    return Math.min(this.#pending[0]?.cycle ?? Infinity, this.#planned[0]?.cycle ?? Infinity);
  }

  #plan(cycle: number, input: Input): void {
    if (input.kind === "entropy") {
      this.#entropy.set(`${input.device} ${input.request}`, input.bytes);
    } else if (input.kind !== "disk" && input.kind !== "host") {
      this.#planned.push({ cycle, input });
    }
  }

  #insert(cycle: number, input: Input): void {
    const index = this.#pending.findIndex((pending) => pending.cycle > cycle);
    this.#pending.splice(index < 0 ? this.#pending.length : index, 0, { cycle, input });
  }

  #diskAnswer(device: string, asked: DiskRequest): Input {
    const { request, operation, offset, sizeBytes } = asked;
    const answer = { device, kind: "disk", request } as const;
    if (operation !== "read" || sizeBytes === 0) return { ...answer, error: undefined };
    const bytes = this.#blocks.read(device, offset, sizeBytes);
    if (bytes !== undefined) return { ...answer, error: undefined, bytes };
    this.unknown = asked;
    return { ...answer, error: "EIO" };
  }
}
