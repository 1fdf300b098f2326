/** virtio entropy device. Source: VIRTIO 1.2, section 5.4. */
import type { Input } from "../../core/host.ts";
import { requireVersion, type State } from "../../core/state.ts";
import { type ChipPorts, unexpected, type VirtioChip } from "./chip.ts";
import { Latency, type Timing } from "./latency.ts";
import type { Chain } from "./queue.ts";
import { scatter } from "./segments.ts";

const QUEUE_SIZE = 8;
/** 5.4.6.1 lets the device fill only part of a buffer. */
export const ENTROPY_BYTES_MAX = 4096;

export interface VirtioRngOptions {
  readonly timing: Timing;
  /** 32 bits, for the latencies of `model` timing. */
  readonly seed: number;
}

type Request = {
  readonly request: number;
  readonly sizeBytes: number;
  /** Absent once the driver took the queue back. */
  readonly chain: Chain | undefined;
};

export type VirtioRngState = {
  readonly version: 1;
  readonly nextRequest: number;
  readonly inFlight: readonly Request[];
  /** The queue holds chains that wait until fewer are in flight. */
  readonly stalled: boolean;
  readonly latency: number;
};

export class VirtioRng implements VirtioChip {
  readonly deviceId = 4;
  readonly features = 0n;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = new Uint8Array(0);
  readonly #latency: Latency;
  #ports!: ChipPorts;
  #inFlight = new Map<number, Request>();
  #nextRequest = 0;
  #stalled = false;

  constructor(options: VirtioRngOptions) {
    this.#latency = new Latency(options.timing, options.seed);
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
    if (input.kind !== "entropy") throw unexpected(this.#ports.id, `"${input.kind}"`);
    const request = this.#inFlight.get(input.request);
    if (request === undefined) {
      throw unexpected(this.#ports.id, `no entropy request ${input.request} is in flight`);
    }
    if (input.bytes.length !== request.sizeBytes) {
      throw unexpected(
        this.#ports.id,
        `request ${request.request} expects ${request.sizeBytes} bytes, not ${input.bytes.length}`,
      );
    }
    this.#inFlight.delete(request.request);
    if (request.chain !== undefined) this.#finish(request.chain, input.bytes);
    if (this.#stalled) this.#serve();
  }

  reseed(seed: number): void {
    this.#latency.reseed(seed);
  }

  save(): VirtioRngState {
    return {
      version: 1,
      nextRequest: this.#nextRequest,
      inFlight: [...this.#inFlight.values()],
      stalled: this.#stalled,
      latency: this.#latency.save(),
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.#ports.id);
    const saved = state as VirtioRngState;
    this.#nextRequest = saved.nextRequest;
    this.#inFlight = new Map(saved.inFlight.map((request) => [request.request, request]));
    this.#stalled = saved.stalled;
    this.#latency.restore(saved.latency);
  }

  #serve(): void {
    this.#stalled = this.#inFlight.size >= QUEUE_SIZE;
    if (this.#stalled) return;
    for (const chain of this.#ports.chains(0)) {
      this.#begin(chain);
      this.#stalled = this.#inFlight.size >= QUEUE_SIZE;
      if (this.#stalled) break;
    }
  }

  #begin(chain: Chain): void {
    const sizeBytes = Math.min(chain.writableBytes, ENTROPY_BYTES_MAX);
    if (sizeBytes === 0) return this.#ports.push(0, chain, 0);
    const request = this.#nextRequest++;
    this.#inFlight.set(request, { request, sizeBytes, chain });
    const due = this.#latency.due(this.#ports.clock.cycle(), sizeBytes);
    this.#ports.output({ kind: "entropy", request, sizeBytes, due });
  }

  #finish(chain: Chain, bytes: Uint8Array): void {
    if (!scatter(this.#ports.memory, chain.writable, 0, bytes)) {
      return this.#ports.needsReset("5.4.6", "a buffer for entropy is gone");
    }
    this.#ports.push(0, chain, bytes.length);
  }
}
