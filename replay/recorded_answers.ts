/**
 * What a recording knows of the host's answers: to which requests they were, when they came, and what
 * the disks held. The log has the answers alone, so the requests are learned from a replay.
 */
import type { DiskRequest, Input, Output } from "../core/host.ts";
import type { State, StateValue } from "../core/state.ts";
import { requestsOf } from "./branch_host.ts";
import type { LogEntry } from "./log.ts";
import { sameBytes } from "./same_bytes.ts";

export const BLOCK_BYTES = 4096;

export type AnswerInput = Extract<Input, { kind: "disk" | "entropy" }>;

/** A request as it left the machine. */
export interface Asked {
  readonly cycle: number;
  readonly due: number | undefined;
  /** The same for requests that ask for the same. */
  readonly key: string;
  /** Of a disk: the bytes that the host is asked for. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A recorded answer, and the place of its entry in the log. */
export interface Answered {
  readonly asked: Asked;
  readonly index: number;
  readonly cycle: number;
  readonly input: AnswerInput;
}

/** What the guest asks for, not what of it the machine has to ask its host for. */
export function keyOf(
  device: string,
  output: Extract<Output, { kind: "disk" | "entropy" }>,
): string {
  if (output.kind === "entropy") return `${device} entropy ${output.sizeBytes}`;
  const { offset, sizeBytes } = output.range ?? output;
  return `${device} ${output.operation} ${offset} ${sizeBytes}`;
}

/** The requests of a stretch of replay, by device and number. */
export class Requests {
  readonly #asked = new Map<string, Asked>();

  /** @param state of the machine where the stretch begins: what is in flight there */
  constructor(state: State) {
    for (const [device, saved] of Object.entries(state.devices as Record<string, StateValue>)) {
      for (const { request, ...rest } of requestsOf(saved)) {
        const { expectedOffset = 0, expectedBytes = 0 } = rest as Partial<Record<string, number>>;
        const [offset, sizeBytes] = [expectedOffset, expectedBytes];
        const key = `${device} in flight ${request}`;
        this.#asked.set(`${device} ${request}`, {
          cycle: -1,
          due: undefined,
          key,
          offset,
          sizeBytes,
        });
      }
    }
  }

  /** To be told all that leaves the machine. */
  output(cycle: number, device: string, output: Output): void {
    if (output.kind !== "disk" && output.kind !== "entropy") return;
    const { due, sizeBytes } = output;
    const offset = output.kind === "disk" ? output.offset : 0;
    const asked = { cycle, due, key: keyOf(device, output), offset, sizeBytes };
    this.#asked.set(`${device} ${output.request}`, asked);
  }

  of(input: AnswerInput): Asked | undefined {
    return this.#asked.get(`${input.device} ${input.request}`);
  }

  /** The answers that were given in the stretch, in the order in which they were asked for. */
  answers(entries: readonly LogEntry[], from: number): Answered[] {
    return entries.flatMap((entry, index): Answered[] => {
      if (entry.cycle < from || entry.kind !== "input") return [];
      const { cycle, input } = entry;
      if (input.kind !== "disk" && input.kind !== "entropy") return [];
      const asked = this.of(input);
      return asked === undefined ? [] : [{ asked, index, cycle, input }];
    }).sort((a, b) => a.asked.cycle - b.asked.cycle || a.input.request - b.input.request);
  }
}

/** Reads a disk's image where the recording has no block. */
export type ReadImage = (
  device: string,
  offset: number,
  sizeBytes: number,
) => Uint8Array | undefined;

/** Blocks of disks that are known. */
export class KnownBlocks {
  readonly #blocks = new Map<string, Uint8Array>();

  /** @param offset a multiple of {@link BLOCK_BYTES} */
  add(device: string, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      this.#blocks.set(`${device} ${offset + at}`, bytes.subarray(at, at + BLOCK_BYTES));
    }
  }

  /** The first one that an image has otherwise. */
  conflict(readImage: ReadImage): { device: string; offset: number } | undefined {
    for (const [key, block] of this.#blocks) {
      const [device, offset] = key.split(" ");
      const found = readImage(device, Number(offset), block.length);
      if (found && !sameBytes(found, block)) {
        return { device, offset: Number(offset) };
      }
    }
    return undefined;
  }

  /** @returns all of it, or where the first block begins that is not known */
  read(
    device: string,
    { offset, sizeBytes }: Pick<DiskRequest, "offset" | "sizeBytes">,
    readImage?: ReadImage,
  ): Uint8Array | number {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
      const size = Math.min(BLOCK_BYTES, sizeBytes - at);
      const block = this.#blocks.get(`${device} ${offset + at}`) ??
        readImage?.(device, offset + at, size);
      if (block === undefined) return offset + at;
      bytes.set(block.subarray(0, size), at);
    }
    return bytes;
  }
}
