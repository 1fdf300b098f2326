/** virtio console with one port and no multiport control. Source: VIRTIO 1.2, section 5.3. */
import type { Input } from "../../core/host.ts";
import { requireVersion, type State } from "../../core/state.ts";
import { ByteBacklog } from "../byte_backlog.ts";
import { type ChipPorts, unexpected, type VirtioChip } from "./chip.ts";
import { gather, scatter } from "./segments.ts";
import type { Chain } from "./queue.ts";

const RECEIVEQ = 0;
const TRANSMITQ = 1;
const QUEUE_SIZE = 128;
/** A driver that sends more in one buffer is taken to be broken: it bounds the work of a notification. */
export const TRANSMIT_BYTES_MAX = 1024 * 1024;

export type VirtioConsoleState = {
  readonly version: 1;
  /** Bytes from the host that the driver has not yet given a buffer for. */
  readonly backlog: Uint8Array;
};

export class VirtioConsole implements VirtioChip {
  readonly deviceId = 3;
  readonly features = 0n;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  /** le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr: none is valid without its feature. */
  readonly config = new Uint8Array(12);
  #ports!: ChipPorts;
  readonly #backlog = new ByteBacklog();

  attach(ports: ChipPorts): void {
    this.#ports = ports;
  }

  notify(queue: number): void {
    if (queue === RECEIVEQ) this.#receive();
    else this.#transmit();
  }

  /** No buffer is kept between two calls. */
  forget(_queue: number): void {}

  input(input: Input): void {
    if (input.kind !== "console") throw unexpected(this.#ports.id, `"${input.kind}"`);
    this.#backlog.push(input.bytes); // what it has no room for is lost
    this.#receive();
  }

  save(): VirtioConsoleState {
    return { version: 1, backlog: this.#backlog.save() };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.#ports.id);
    this.#backlog.restore((state as VirtioConsoleState).backlog);
  }

  #receive(): void {
    if (this.#backlog.sizeBytes === 0) return;
    for (const chain of this.#ports.chains(RECEIVEQ)) {
      const bytes = this.#backlog.take(chain.writableBytes);
      if (!scatter(this.#ports.memory, chain.writable, 0, bytes)) {
        return this.#ports.needsReset("5.3.6", "a receive buffer is gone");
      }
      this.#ports.push(RECEIVEQ, chain, bytes.length);
      if (this.#backlog.sizeBytes === 0) return;
    }
  }

  #transmit(): void {
    for (const chain of this.#ports.chains(TRANSMITQ)) this.#send(chain);
  }

  #send(chain: Chain): void {
    const { readable, readableBytes } = chain;
    if (readableBytes > TRANSMIT_BYTES_MAX) {
      return this.#ports.needsReset("5.3.6", `${readableBytes} bytes are sent in one buffer`);
    }
    const bytes = gather(this.#ports.memory, readable, 0, readableBytes);
    if (bytes === undefined) return this.#ports.needsReset("5.3.6", "a transmit buffer is gone");
    if (bytes.length > 0) this.#ports.output({ kind: "console", bytes });
    this.#ports.push(TRANSMITQ, chain, 0);
  }
}
