/**
 * A disk that fails: which requests, and what becomes of their answers.
 *
 * A machine keeps every block that it has read, so it asks its host for a block once. A rule looks at
 * what the guest asked for, but data can be falsified only where the host is asked for them.
 */
import type { HostEvent } from "../../core/host_event.ts";
import type { DiskRequest, Input } from "../../core/host.ts";
import { injected } from "./injected.ts";

export const DISK_FAULTS = [
  "read-error",
  "write-error",
  "torn-write",
  "lost-flush",
  "bit-rot",
  "latency",
  "reorder",
] as const;

export const SECTOR_BYTES = 512;
const BLOCK_BYTES = 4096;

export type DiskFaultName = typeof DISK_FAULTS[number];

export interface DiskFault {
  readonly disk: string;
  readonly fault: DiskFaultName;
  /** The first and the last one; a request that touches any of them counts. Absent: all. */
  readonly sectors?: readonly [number, number];
  /** Requests from this cycle on. */
  readonly from?: number;
  /** Only the n-th request, from 1, of those that the rest of the rule means. */
  readonly nth?: number;
  /** It happens so often at most. */
  readonly times?: number;
  /** Of an error: a name from errno.h; `EIO` by default. */
  readonly error?: string;
  /** Of a torn write: so many bytes reach the disk; 0 by default. */
  readonly bytes?: number;
  /** Of bit rot: which bit, counted from the first of the sector or of the request. */
  readonly bit?: number;
  /** Of latency, and at most of `reorder`: cycles. */
  readonly delay?: number;
}

/** Without a `delay`. */
const DELAY_CYCLES = 10_000_000;

/** Of which operation; absent: of any. */
const OPERATIONS: { readonly [Name in DiskFaultName]?: DiskRequest["operation"] } = {
  "read-error": "read",
  "write-error": "write",
  "torn-write": "write",
  "lost-flush": "flush",
  "bit-rot": "read",
};

export type DiskInput = Extract<Input, { kind: "disk" }>;

/** Counts the requests that a rule means. */
export class DiskRule {
  #met = 0;
  #happened = 0;

  constructor(readonly rule: DiskFault) {}

  get delayCycles(): number {
    return this.rule.delay ?? DELAY_CYCLES;
  }

  /** Whether this request shall fail, which counts. */
  meets(cycle: number, device: string, request: DiskRequest): boolean {
    const { disk, fault, from = 0, nth, times = Infinity } = this.rule;
    const operation = OPERATIONS[fault] ?? request.operation;
    if (disk !== device || operation !== request.operation || cycle < from) return false;
    if (!this.#touches(request) || fault === "bit-rot" && !this.#rots(request)) return false;
    if (nth !== undefined && ++this.#met !== nth || this.#happened >= times) return false;
    this.#happened++;
    return true;
  }

  /** What the host shall be asked instead; `undefined`: nothing, and the answer is {@link answer}. */
  passedOn(request: DiskRequest): DiskRequest | undefined {
    const { fault, bytes = 0 } = this.rule;
    if (fault === "lost-flush" || fault === "write-error") return undefined;
    if (fault !== "torn-write") return request;
    if (bytes === 0) return undefined;
    const kept = request.bytes!.subarray(0, bytes);
    return { ...request, sizeBytes: kept.length, bytes: kept };
  }

  /** What the guest gets in place of an answer, and what is said of it. */
  falsified(request: DiskRequest, device: string, answer: DiskInput): [HostEvent, DiskInput] {
    const { fault, error = "EIO" } = this.rule;
    const { operation, offset, sizeBytes } = request.range === undefined
      ? request
      : { ...request, ...request.range };
    const what = operation === "flush"
      ? "a flush"
      : `a ${operation} of ${sizeBytes} bytes at ${offset}`;
    const common = { concerns: device, request: request.request, offset: request.offset };
    switch (fault) {
      case "read-error":
      case "write-error": {
        const { bytes, ...rest } = answer;
        const text = `${what} fails with ${error}`;
        return [
          injected({ ...common, error, text, ...(bytes && { bytes }) }),
          { ...rest, error },
        ];
      }
      case "torn-write": {
        const torn = Math.min(this.rule.bytes ?? 0, request.sizeBytes);
        const text = `${what} is torn: only its first ${torn} bytes reach the disk`;
        return [injected({ ...common, text }), { ...answer, torn }];
      }
      case "lost-flush":
        return [injected({ ...common, text: `${what} is lost, and is answered` }), answer];
      case "bit-rot": {
        const at = this.#rottenByte(request);
        const block = Math.floor(at / BLOCK_BYTES) * BLOCK_BYTES;
        const bytes = answer.bytes!.slice();
        bytes[at] ^= 1 << this.#bit % 8;
        const text = `${what} has bit ${this.#bit % 8} of byte ${request.offset + at} flipped`;
        const truth = answer.bytes!.slice(block, block + BLOCK_BYTES);
        const event = { ...common, offset: request.offset + block, text, bytes: truth };
        return [injected(event), { ...answer, bytes }];
      }
      case "latency":
      case "reorder":
        throw new Error(`"${fault}" falsifies nothing`);
    }
  }

  /** What is said of an answer when it is kept: the recording may end before it comes. */
  delayed({ request, operation, offset }: DiskRequest, { device, bytes }: DiskInput): HostEvent {
    const cycles = this.delayCycles;
    const upTo = this.rule.fault === "reorder" ? "up to " : "";
    const text = `the answer to ${operation} ${request} comes ${upTo}${cycles} cycles later`;
    const truth = bytes && { offset, bytes };
    return injected({ concerns: device, request, ns: BigInt(cycles), text, ...truth });
  }

  get #bit(): number {
    return this.rule.bit ?? 0;
  }

  #touches(request: DiskRequest): boolean {
    if (this.rule.sectors === undefined) return true;
    const [first, last] = this.rule.sectors;
    const { offset, sizeBytes } = request.range ?? request;
    return offset < (last + 1) * SECTOR_BYTES && offset + sizeBytes > first * SECTOR_BYTES;
  }

  #rots(request: DiskRequest): boolean {
    const at = this.#rottenByte(request);
    return at >= 0 && at < request.sizeBytes;
  }

  /** From the start of what the host reads. */
  #rottenByte({ offset, range }: DiskRequest): number {
    const sector = this.rule.sectors?.[0];
    const start = sector === undefined ? (range?.offset ?? offset) : sector * SECTOR_BYTES;
    return start + Math.floor(this.#bit / 8) - offset;
  }
}
