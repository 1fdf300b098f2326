/**
 * virtio network device with one pair of queues, no control queue and no offloads.
 * Source: VIRTIO 1.2, section 5.1.
 *
 * Without a control queue it has no filter, so the driver sees every frame on the wire (5.1.6.5).
 */
import type { Input } from "../../core/host.ts";
import { requireVersion, type State } from "../../core/state.ts";
import { type ChipPorts, unexpected, type VirtioChip } from "./chip.ts";
import { FrameBacklog } from "./frame_backlog.ts";
import type { Mac } from "./mac.ts";
import type { Chain } from "./queue.ts";
import { gather, scatter } from "./segments.ts";

/** An Ethernet frame without FCS: from a bare header to the largest that IP can fill. */
export const FRAME_BYTES_MIN = 14;
export const FRAME_BYTES_MAX = 65_535;

const VIRTIO_NET_F_MAC = 5;
const VIRTIO_NET_F_MRG_RXBUF = 15;
const VIRTIO_NET_F_STATUS = 16;
const FEATURES = [VIRTIO_NET_F_MAC, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_STATUS];

const RECEIVEQ = 0;
const TRANSMITQ = 1;
const QUEUE_SIZE = 256;

// u8 flags, u8 gso_type, le16 hdr_len, gso_size, csum_start, csum_offset, num_buffers (5.1.6)
const HEADER_BYTES = 12;
const NUM_BUFFERS = 10;

const STATUS = 6; // le16 status in the configuration, behind mac
const VIRTIO_NET_S_LINK_UP = 1;

export type VirtioNetState = {
  readonly version: 1;
  readonly isUp: boolean;
  /** Frames for which the driver has not yet given enough buffers, the oldest first. */
  readonly backlog: readonly Uint8Array[];
  /** Taken for the oldest frame, and not yet enough for it. */
  readonly buffers: readonly Chain[];
  /** Frames from the wire that the driver never got. */
  readonly dropCount: number;
};

/**
 * Why the driver never gets a frame. `size`: it is no Ethernet frame. `backlog`: too many wait for
 * buffers. `buffer`: it has to lie in one, and that one is too small. `reset`: it waited when the
 * driver stopped the queue.
 */
type DropReason = "link-down" | "size" | "backlog" | "buffer" | "reset";

export class VirtioNet implements VirtioChip {
  readonly deviceId = 1;
  readonly features = FEATURES.reduce((all, bit) => all | 1n << BigInt(bit), 0n);
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  /** mac, le16 status (5.1.4). */
  readonly config = new Uint8Array(8);
  readonly #backlog = new FrameBacklog();
  #ports!: ChipPorts;
  #isUp = true;
  #buffers: Chain[] = [];
  #buffersBytes = 0;
  #dropCount = 0;

  constructor(options: { readonly mac: Mac }) {
    this.config.set(options.mac);
    this.#setLink(true);
  }

  attach(ports: ChipPorts): void {
    this.#ports = ports;
  }

  notify(queue: number): void {
    if (queue === RECEIVEQ) this.#receive();
    else this.#transmit();
  }

  forget(queue: number): void {
    if (queue !== RECEIVEQ) return;
    this.#setBuffers([]);
    while (this.#backlog.first !== undefined) this.#drop("reset");
  }

  input(input: Input): void {
    if (input.kind === "frame") return this.#arrive(input.bytes);
    if (input.kind !== "link") throw unexpected(this.#ports.id, `"${input.kind}"`);
    if (input.up === this.#isUp) return;
    this.#setLink(input.up);
    this.#ports.configChanged();
  }

  save(): VirtioNetState {
    return {
      version: 1,
      isUp: this.#isUp,
      backlog: this.#backlog.save(),
      buffers: this.#buffers.slice(),
      dropCount: this.#dropCount,
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.#ports.id);
    const saved = state as VirtioNetState;
    this.#setLink(saved.isUp);
    this.#backlog.restore(saved.backlog);
    this.#setBuffers(saved.buffers);
    this.#dropCount = saved.dropCount;
  }

  #setLink(isUp: boolean): void {
    this.#isUp = isUp;
    this.config[STATUS] = isUp ? VIRTIO_NET_S_LINK_UP : 0;
  }

  #setBuffers(buffers: readonly Chain[]): void {
    this.#buffers = buffers.slice();
    this.#buffersBytes = buffers.reduce((sum, { writableBytes }) => sum + writableBytes, 0);
  }

  /** The oldest frame goes first where there is no room: it may be what no buffers will ever hold. */
  #arrive(frame: Uint8Array): void {
    const refused = this.#refuses(frame);
    if (refused !== undefined) {
      this.#dropCount++;
      this.#ports.frameDone(this.#backlog.count, refused);
      return;
    }
    this.#backlog.push(frame);
    this.#receive();
    while (this.#backlog.isOver) {
      this.#drop("backlog");
      this.#receive();
    }
  }

  #refuses({ length }: Uint8Array): DropReason | undefined {
    if (!this.#isUp) return "link-down";
    return length < FRAME_BYTES_MIN || length > FRAME_BYTES_MAX ? "size" : undefined;
  }

  /** The oldest that waits. */
  #drop(reason: DropReason): void {
    this.#backlog.shift();
    this.#dropCount++;
    this.#ports.frameDone(0, reason);
  }

  #receive(): void {
    for (let frame = this.#backlog.first; frame !== undefined; frame = this.#backlog.first) {
      const neededBytes = HEADER_BYTES + frame.length;
      if (!this.#gather(neededBytes)) return;
      // 5.1.6.3.1: without mergeable buffers a frame lies in one.
      if (this.#buffersBytes < neededBytes) this.#drop("buffer");
      else if (!this.#deliver(frame)) {
        return this.#ports.needsReset("5.1.6.3.1", "a buffer is gone");
      } else {
        this.#backlog.shift();
        this.#ports.frameDone(0);
      }
    }
  }

  /** Takes buffers until they hold so much, or the one that has to. @returns false: there are too few */
  #gather(neededBytes: number): boolean {
    const isMergeable = this.#ports.negotiated(VIRTIO_NET_F_MRG_RXBUF);
    const isEnough = () =>
      this.#buffersBytes >= neededBytes || !isMergeable && this.#buffers.length > 0;
    if (isEnough()) return true;
    for (const chain of this.#ports.chains(RECEIVEQ)) {
      // 5.1.6.3.1: each has room for the header at least. One that is offered twice makes too many.
      if (chain.writableBytes < HEADER_BYTES || this.#buffers.length === QUEUE_SIZE) {
        const why =
          `a receive buffer of ${chain.writableBytes} bytes, or more buffers than the queue has`;
        this.#ports.needsReset("5.1.6.3.1", why);
        return false;
      }
      this.#buffers.push(chain);
      this.#buffersBytes += chain.writableBytes;
      if (isEnough()) return true;
    }
    return false;
  }

  /** Fills as many buffers as header and frame take. @returns false if one lies outside RAM */
  #deliver(frame: Uint8Array): boolean {
    const packet = new Uint8Array(HEADER_BYTES + frame.length);
    packet.set(frame, HEADER_BYTES);
    const parts = split(packet, this.#buffers);
    new DataView(packet.buffer).setUint16(NUM_BUFFERS, parts.length, true);
    this.#setBuffers(this.#buffers.slice(parts.length));
    for (const { chain, bytes } of parts) {
      if (!scatter(this.#ports.memory, chain.writable, 0, bytes)) return false;
      this.#ports.push(RECEIVEQ, chain, bytes.length);
    }
    return true;
  }

  #transmit(): void {
    for (const chain of this.#ports.chains(TRANSMITQ)) this.#send(chain);
  }

  #send(chain: Chain): void {
    const { readable, readableBytes } = chain;
    const frameBytes = readableBytes - HEADER_BYTES;
    if (frameBytes < FRAME_BYTES_MIN || frameBytes > FRAME_BYTES_MAX) {
      return this.#ports.needsReset("5.1.6.2.1", `a frame of ${frameBytes} bytes is sent`);
    }
    const packet = gather(this.#ports.memory, readable, 0, readableBytes);
    // 5.1.6.2.1: flags and gso_type belong to offloads, and none was offered.
    if (packet === undefined || packet[0] !== 0 || packet[1] !== 0) {
      return this.#ports.needsReset("5.1.6.2.1", "a frame asks for offloads, and none was offered");
    }
    if (this.#isUp) this.#ports.output({ kind: "frame", bytes: packet.subarray(HEADER_BYTES) });
    this.#ports.push(TRANSMITQ, chain, 0);
  }
}

/** Which part of a packet goes into which buffer: each but the last is filled (5.1.6.4). */
function split(packet: Uint8Array, chains: readonly Chain[]) {
  const parts: { chain: Chain; bytes: Uint8Array }[] = [];
  for (let done = 0; done < packet.length;) {
    const chain = chains[parts.length];
    const bytes = packet.subarray(done, done + chain.writableBytes);
    parts.push({ chain, bytes });
    done += bytes.length;
  }
  return parts;
}
