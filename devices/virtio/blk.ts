/**
 * virtio block device. Source: VIRTIO 1.2, section 5.2.
 *
 * A read answers with what the disk holds when its completion arrives, and a write takes effect when
 * its completion arrives without error: until then neither has happened. Requests in flight may be
 * completed in any order, as 5.2.6 allows. The order of completions is the host's, so it is logged.
 */
import type { Input } from "../../core/host.ts";
import { requireVersion, type State } from "../../core/state.ts";
import { type ChipPorts, unexpected, type VirtioChip } from "./chip.ts";
import { Disk, type DiskState, type Range, SECTOR_BYTES } from "./disk.ts";
import { Latency, type Timing } from "./latency.ts";
import type { Chain } from "./queue.ts";
import { gather, scatter } from "./segments.ts";

const VIRTIO_BLK_F_SEG_MAX = 2;
const VIRTIO_BLK_F_RO = 5;
const VIRTIO_BLK_F_BLK_SIZE = 6;
const VIRTIO_BLK_F_FLUSH = 9;
const VIRTIO_BLK_F_DISCARD = 13;

const VIRTIO_BLK_T_IN = 0;
const VIRTIO_BLK_T_OUT = 1;
const VIRTIO_BLK_T_FLUSH = 4;
const VIRTIO_BLK_T_GET_ID = 8;
const VIRTIO_BLK_T_DISCARD = 11;

const VIRTIO_BLK_S_OK = 0;
const VIRTIO_BLK_S_IOERR = 1;
const VIRTIO_BLK_S_UNSUPP = 2;

const HEADER_BYTES = 16; // le32 type, le32 reserved, le64 sector
const ID_BYTES = 20;
const DISCARD_BYTES = 16; // le64 sector, le32 num_sectors, le32 flags
const DISCARD_SECTORS_MAX = 0x3f_ffff;

const QUEUE_SIZE = 256;
const SEG_MAX = QUEUE_SIZE - 2; // header and status take the others
/** One request may move this much, and all in flight together not more than twice as much. */
export const REQUEST_BYTES_MAX = 32 * 1024 * 1024;

export interface VirtioBlkOptions {
  /** A multiple of 512. */
  readonly sizeBytes: number;
  readonly readOnly?: boolean;
  /** Up to 20 ASCII characters that the guest may ask for. */
  readonly serial?: string;
  readonly timing: Timing;
  /** 32 bits, for the latencies of `model` timing. */
  readonly seed: number;
}

type Request = {
  readonly request: number;
  readonly operation: "read" | "write" | "flush" | "discard";
  /** What the guest asked for. */
  readonly range: Range;
  /** How many bytes a read expects from the host. */
  readonly expectedBytes: number;
  /** Where they belong. */
  readonly expectedOffset: number;
  readonly bytes: Uint8Array | undefined;
  /** Absent once the driver took the queue back: the answer is awaited, the guest's memory untouched. */
  readonly chain: Chain | undefined;
};

export type VirtioBlkState = {
  readonly version: 1;
  readonly nextRequest: number;
  readonly inFlight: readonly Request[];
  /** The queue holds chains that wait until less is in flight. */
  readonly stalled: boolean;
  readonly latency: number;
  readonly disk: State;
};

export class VirtioBlk implements VirtioChip {
  readonly deviceId = 2;
  readonly features: bigint;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config: Uint8Array;
  readonly #readOnly: boolean;
  readonly #serial: Uint8Array;
  readonly #disk: Disk;
  readonly #latency: Latency;
  #ports!: ChipPorts;
  #inFlight = new Map<number, Request>();
  #inFlightBytes = 0;
  #nextRequest = 0;
  #stalled = false;

  constructor(options: VirtioBlkOptions) {
    this.#disk = new Disk(options.sizeBytes);
    this.#readOnly = options.readOnly ?? false;
    this.#serial = asciiField(options.serial ?? "", ID_BYTES);
    this.#latency = new Latency(options.timing, options.seed);
    const bits = [VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH];
    bits.push(this.#readOnly ? VIRTIO_BLK_F_RO : VIRTIO_BLK_F_DISCARD);
    this.features = bits.reduce((all, bit) => all | 1n << BigInt(bit), 0n);
    this.config = blkConfig(options.sizeBytes);
  }

  attach(ports: ChipPorts): void {
    this.#ports = ports;
  }

  notify(_queue: number): void {
    this.#serve();
  }

  forget(_queue: number): void {
    this.#stalled = false;
    for (const [number, request] of this.#inFlight) {
      this.#inFlight.set(number, { ...request, chain: undefined });
    }
  }

  input(input: Input): void {
    if (input.kind !== "disk") throw unexpected(this.#ports.id, `"${input.kind}"`);
    const request = this.#inFlight.get(input.request);
    if (request === undefined) {
      throw unexpected(this.#ports.id, `no disk request ${input.request} is in flight`);
    }
    const bytes = input.error === undefined ? this.#expect(request, input.bytes) : undefined;
    const written = this.#written(request, input.torn, input.error === undefined);
    this.#inFlight.delete(request.request);
    this.#inFlightBytes -= request.range.sizeBytes;
    if (written !== undefined) this.#disk.write(request.range.offset, written);
    this.#complete(request, input.error === undefined, bytes);
    if (this.#stalled) this.#serve();
  }

  reseed(seed: number): void {
    this.#latency.reseed(seed);
  }

  save(): VirtioBlkState {
    return this.#state(this.#disk.save());
  }

  summary(): VirtioBlkState {
    return this.#state(this.#disk.summary());
  }

  restore(state: State): void {
    requireVersion(state, 1, this.#ports.id);
    const saved = state as VirtioBlkState;
    this.#nextRequest = saved.nextRequest;
    this.#inFlight = new Map(saved.inFlight.map((request) => [request.request, request]));
    this.#inFlightBytes = saved.inFlight.reduce((sum, { range }) => sum + range.sizeBytes, 0);
    this.#stalled = saved.stalled;
    this.#latency.restore(saved.latency);
    this.#disk.restore(saved.disk as DiskState);
  }

  #state(disk: State): VirtioBlkState {
    return {
      version: 1,
      nextRequest: this.#nextRequest,
      inFlight: [...this.#inFlight.values()],
      stalled: this.#stalled,
      latency: this.#latency.save(),
      disk,
    };
  }

  get #full(): boolean {
    return this.#inFlight.size >= QUEUE_SIZE || this.#inFlightBytes >= REQUEST_BYTES_MAX;
  }

  /** Takes chains while there is room for more requests; the rest waits in the queue. */
  #serve(): void {
    this.#stalled = this.#full;
    if (this.#stalled) return;
    for (const chain of this.#ports.chains(0)) {
      this.#begin(chain);
      this.#stalled = this.#full;
      if (this.#stalled) break;
    }
  }

  #begin(chain: Chain): void {
    const header = gather(this.#ports.memory, chain.readable, 0, HEADER_BYTES);
    // There is no status byte to say so in: the driver must reset.
    if (header === undefined || chain.writableBytes < 1) {
      return this.#ports.needsReset("5.2.6", "a request has no whole header, or no status byte");
    }
    const view = new DataView(header.buffer);
    const sector = Number(view.getBigUint64(8, true));
    switch (view.getUint32(0, true)) {
      case VIRTIO_BLK_T_IN:
        return this.#beginRead(chain, sector * SECTOR_BYTES);
      case VIRTIO_BLK_T_OUT:
        return this.#beginWrite(chain, sector * SECTOR_BYTES);
      case VIRTIO_BLK_T_FLUSH:
        return this.#submit("flush", { offset: 0, sizeBytes: 0 }, { chain });
      case VIRTIO_BLK_T_GET_ID:
        return this.#getId(chain);
      case VIRTIO_BLK_T_DISCARD:
        return this.#beginDiscard(chain);
      default:
        return this.#finish(chain, VIRTIO_BLK_S_UNSUPP, 0);
    }
  }

  #beginRead(chain: Chain, offset: number): void {
    const range = { offset, sizeBytes: chain.writableBytes - 1 };
    if (!this.#acceptable("read", range)) return this.#finish(chain, VIRTIO_BLK_S_IOERR, 0);
    this.#submit("read", range, { chain, missing: this.#disk.missing(range) });
  }

  #beginWrite(chain: Chain, offset: number): void {
    const range = { offset, sizeBytes: chain.readableBytes - HEADER_BYTES };
    if (this.#readOnly) this.#ports.breach("5.2.6.1", "a write to a disk that is read-only");
    if (this.#readOnly || !this.#acceptable("write", range)) {
      return this.#finish(chain, VIRTIO_BLK_S_IOERR, 0);
    }
    const bytes = gather(this.#ports.memory, chain.readable, HEADER_BYTES, range.sizeBytes);
    if (bytes === undefined) return this.#ports.needsReset("5.2.6", "a write's data are gone");
    this.#submit("write", range, { chain, bytes });
  }

  /** A hint: the content stays as it was, which 5.2.6.2 leaves to the device. */
  #beginDiscard(chain: Chain): void {
    const { readable, readableBytes } = chain;
    const data = gather(this.#ports.memory, readable, HEADER_BYTES, DISCARD_BYTES);
    if (this.#readOnly || data === undefined || readableBytes !== HEADER_BYTES + DISCARD_BYTES) {
      return this.#finish(chain, VIRTIO_BLK_S_IOERR, 0);
    }
    const view = new DataView(data.buffer);
    // The unmap flag is for write-zeroes only (5.2.6.2).
    if (view.getUint32(12, true) !== 0) {
      this.#ports.breach("5.2.6.1", "a discard has flags, and they are reserved");
      return this.#finish(chain, VIRTIO_BLK_S_UNSUPP, 0);
    }
    const offset = Number(view.getBigUint64(0, true)) * SECTOR_BYTES;
    const sectors = view.getUint32(8, true);
    const sizeBytes = sectors * SECTOR_BYTES;
    if (sectors > DISCARD_SECTORS_MAX || !(offset + sizeBytes <= this.#disk.sizeBytes)) {
      this.#ports.breach("5.2.6.1", `a discard of ${sectors} sectors at byte ${offset}`);
      return this.#finish(chain, VIRTIO_BLK_S_IOERR, 0);
    }
    // It moves no data, so it does not count as bytes in flight.
    this.#submit("discard", { offset, sizeBytes: 0 }, { chain, sizeBytes });
  }

  #getId(chain: Chain): void {
    const id = this.#serial.subarray(0, Math.min(ID_BYTES, chain.writableBytes - 1));
    if (!scatter(this.#ports.memory, chain.writable, 0, id)) return this.#noRoom();
    this.#finish(chain, VIRTIO_BLK_S_OK, id.length);
  }

  #acceptable(operation: "read" | "write", { offset, sizeBytes }: Range): boolean {
    const isWhole = sizeBytes >= 0 && sizeBytes % SECTOR_BYTES === 0;
    const isInside = offset + sizeBytes <= this.#disk.sizeBytes;
    if (!isWhole) {
      this.#ports.breach("5.2.6.1", `a ${operation} of ${sizeBytes} bytes, no multiple of 512`);
    } else if (!isInside) {
      const end = `the disk ends at ${this.#disk.sizeBytes}`;
      this.#ports.breach(
        "5.2.6.1",
        `a ${operation} of ${sizeBytes} bytes at ${offset}, and ${end}`,
      );
    }
    return isWhole && isInside && sizeBytes <= REQUEST_BYTES_MAX;
  }

  // Where its descriptors lie was looked at when it was taken.
  #noRoom(): void {
    this.#ports.needsReset("5.2.6", "a request has too little room for its answer");
  }

  /** @param with `sizeBytes`: what the host is told, where it is not the range's */
  #submit(
    operation: Request["operation"],
    range: Range,
    { chain, missing, bytes, sizeBytes }: {
      chain: Chain;
      missing?: Range;
      bytes?: Uint8Array;
      sizeBytes?: number;
    },
  ): void {
    const request = this.#nextRequest++;
    const isRead = operation === "read";
    const asked = isRead ? missing ?? { offset: range.offset, sizeBytes: 0 } : range;
    this.#inFlight.set(request, {
      request,
      operation,
      range,
      expectedBytes: isRead ? asked.sizeBytes : 0,
      expectedOffset: asked.offset,
      bytes,
      chain,
    });
    this.#inFlightBytes += range.sizeBytes;
    this.#ports.output({
      kind: "disk",
      request,
      operation,
      offset: asked.offset,
      sizeBytes: sizeBytes ?? asked.sizeBytes,
      ...(isRead ? { range } : {}),
      ...(bytes === undefined ? {} : { bytes }),
      due: this.#latency.due(this.#ports.clock.cycle(), range.sizeBytes),
    });
  }

  #expect(request: Request, bytes: Uint8Array | undefined): Uint8Array | undefined {
    const sizeBytes = bytes?.length ?? 0;
    if (sizeBytes !== request.expectedBytes) {
      throw unexpected(
        this.#ports.id,
        `request ${request.request} expects ${request.expectedBytes} bytes, not ${sizeBytes}`,
      );
    }
    return bytes;
  }

  /** What of a write reaches the disk. */
  #written({ request, bytes }: Request, torn: number | undefined, ok: boolean) {
    if (torn === undefined) return ok ? bytes : undefined;
    if (bytes === undefined || torn > bytes.length || torn % SECTOR_BYTES !== 0) {
      throw unexpected(
        this.#ports.id,
        `request ${request} is no write that tears at ${torn} bytes`,
      );
    }
    return bytes.subarray(0, torn);
  }

  /** What the host did counts, whether or not the driver still waits for it. */
  #complete(request: Request, ok: boolean, bytes: Uint8Array | undefined): void {
    const { chain, range } = request;
    if (ok && bytes !== undefined) this.#disk.learn(request.expectedOffset, bytes);
    if (chain === undefined) return;
    if (!ok) return this.#finish(chain, VIRTIO_BLK_S_IOERR, 0);
    if (request.operation !== "read") return this.#finish(chain, VIRTIO_BLK_S_OK, 0);
    const data = this.#disk.read(range);
    if (!scatter(this.#ports.memory, chain.writable, 0, data)) return this.#noRoom();
    this.#finish(chain, VIRTIO_BLK_S_OK, data.length);
  }

  /** The status is the last writable byte (5.2.6). */
  #finish(chain: Chain, status: number, dataBytes: number): void {
    const { memory } = this.#ports;
    if (!scatter(memory, chain.writable, chain.writableBytes - 1, Uint8Array.of(status))) {
      return this.#noRoom();
    }
    this.#ports.push(0, chain, dataBytes + 1);
  }
}

/** The configuration layout of 5.2.4, up to `discard_sector_alignment`. */
function blkConfig(sizeBytes: number): Uint8Array {
  const config = new Uint8Array(60);
  const view = new DataView(config.buffer);
  view.setBigUint64(0, BigInt(sizeBytes / SECTOR_BYTES), true); // capacity
  view.setUint32(12, SEG_MAX, true); // seg_max
  view.setUint32(20, SECTOR_BYTES, true); // blk_size
  view.setUint16(34, 1, true); // num_queues
  view.setUint32(36, DISCARD_SECTORS_MAX, true); // max_discard_sectors
  view.setUint32(40, 1, true); // max_discard_seg
  view.setUint32(44, 1, true); // discard_sector_alignment
  return config;
}

function asciiField(text: string, sizeBytes: number): Uint8Array {
  const field = new Uint8Array(sizeBytes);
  for (let i = 0; i < Math.min(text.length, sizeBytes); i++) field[i] = text.charCodeAt(i) & 0x7f;
  return field;
}
