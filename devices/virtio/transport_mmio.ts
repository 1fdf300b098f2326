/**
 * virtio over MMIO, the modern register layout (version 2). Source: VIRTIO 1.2, section 4.2; status
 * and features as in 2.1 and 2.2.
 *
 * It holds the registers and the queues; what the device does is its {@link VirtioChip}.
 */
import type { Device, DevicePorts, Width } from "../../core/device.ts";
import type { Input } from "../../core/host.ts";
import { requireVersion, type State } from "../../core/state.ts";
import type { VirtioChip } from "./chip.ts";
import {
  type Chain,
  NO_USED_RING,
  type QueueFault,
  type QueueFeatures,
  type QueueState,
  Virtqueue,
} from "./queue.ts";

const MagicValue = 0x000;
const Version = 0x004;
const DeviceID = 0x008;
const VendorID = 0x00c;
const DeviceFeatures = 0x010;
const DeviceFeaturesSel = 0x014;
const DriverFeatures = 0x020;
const DriverFeaturesSel = 0x024;
const QueueSel = 0x030;
const QueueNumMax = 0x034;
const QueueNum = 0x038;
const QueueReady = 0x044;
const QueueNotify = 0x050;
const InterruptStatus = 0x060;
const InterruptACK = 0x064;
const Status = 0x070;
const QueueAddresses = [0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4]; // Desc, Driver, Device: Low, High
const SHMLenLow = 0x0b0; // to SHMBaseHigh, 0x0bc: there is no shared memory region
const SHMBaseHigh = 0x0bc;
const ConfigGeneration = 0x0fc;
const Config = 0x100;

const MAGIC = 0x7472_6976; // "virt"
const VENDOR = 0x554d_4551; // "QEMU": drivers may show it, none depends on it

const ACKNOWLEDGE = 1;
const DRIVER = 2;
const DRIVER_OK = 4;
const FEATURES_OK = 8;
const DEVICE_NEEDS_RESET = 64;

const USED_BUFFER = 1;
const CONFIGURATION_CHANGE = 2;

const VIRTIO_F_INDIRECT_DESC = 28;
const VIRTIO_F_EVENT_IDX = 29;
const VIRTIO_F_VERSION_1 = 32;
const TRANSPORT_FEATURES = 1n << BigInt(VIRTIO_F_INDIRECT_DESC) |
  1n << BigInt(VIRTIO_F_EVENT_IDX) | 1n << BigInt(VIRTIO_F_VERSION_1);

export type VirtioMmioState = {
  readonly version: 1;
  readonly status: number;
  readonly deviceFeaturesSel: number;
  readonly driverFeaturesSel: number;
  readonly driverFeatures: bigint;
  readonly queueSel: number;
  readonly interruptStatus: number;
  readonly configGeneration: number;
  readonly queues: readonly QueueState[];
  /** Absent: the slot is empty. */
  readonly chip: State | undefined;
};

export class VirtioMmio implements Device {
  readonly id: string;
  readonly sizeBytes = 0x1000;
  /** Registers take 4 bytes; the configuration space takes what the fields have (4.2.2.2). */
  readonly widths: readonly Width[] = [1, 2, 4, 8];
  readonly #chip: VirtioChip | undefined;
  readonly #ports: DevicePorts;
  readonly #queues: readonly Virtqueue[];
  readonly #offered: bigint;
  #status = 0;
  #deviceFeaturesSel = 0;
  #driverFeaturesSel = 0;
  #driverFeatures = 0n;
  #queueFeatures: QueueFeatures = { indirect: false, eventIdx: false };
  #queueSel = 0;
  #interruptStatus = 0;
  #configGeneration = 0;

  /** @param chip `undefined` for an empty slot: it shows device id 0, as QEMU's do (4.2.3.1.1) */
  constructor(
    options: { readonly id: string },
    chip: VirtioChip | undefined,
    ports: DevicePorts,
  ) {
    this.id = options.id;
    this.#chip = chip;
    this.#ports = ports;
    this.#offered = chip === undefined ? 0n : chip.features | TRANSPORT_FEATURES;
    this.#queues = (chip?.queueSizes ?? []).map((size) => new Virtqueue(size, ports.memory));
    chip?.attach({
      id: options.id,
      memory: ports.memory,
      clock: ports.clock,
      output: (output) => ports.output(output),
      negotiated: (bit) => this.#negotiated(bit),
      chains: (queue) => this.#chains(queue),
      push: (queue, chain, sizeBytes) => this.#push(queue, chain, sizeBytes),
      frameDone: (index, dropped) => ports.frameDone?.(index, dropped),
      configChanged: () => this.#configChanged(),
      breach: (section, text) => this.#breach(section, text),
      needsReset: (section, text) => this.#needsReset(section, text),
    });
  }

  read(offset: number, width: Width): number {
    if (offset >= Config) return this.#readConfig(offset - Config, width);
    if (width !== 4) return this.#wrongWidth(offset, width);
    switch (offset) {
      case MagicValue:
        return MAGIC;
      case Version:
        return 2;
      case DeviceID:
        return this.#chip?.deviceId ?? 0;
      case VendorID:
        return VENDOR;
      case DeviceFeatures:
        return this.#featureWord();
      case QueueNumMax:
        return this.#queues[this.#queueSel]?.sizeMax ?? 0;
      case QueueReady:
        return this.#queues[this.#queueSel]?.ready ? 1 : 0;
      case InterruptStatus:
        return this.#interruptStatus;
      case Status:
        return this.#status;
      case ConfigGeneration:
        return this.#configGeneration;
      default:
        // A region that does not exist has length and base -1 (4.2.2).
        return offset >= SHMLenLow && offset <= SHMBaseHigh ? 0xffff_ffff : 0;
    }
  }

  write(offset: number, width: Width, value: number): void {
    if (this.#chip === undefined) return;
    if (width !== 4) return void this.#wrongWidth(offset, width);
    switch (offset) {
      case DeviceFeaturesSel:
        this.#deviceFeaturesSel = value;
        return;
      case DriverFeatures:
        return this.#writeDriverFeatures(value);
      case DriverFeaturesSel:
        this.#driverFeaturesSel = value;
        return;
      case QueueSel:
        this.#queueSel = value;
        return;
      case QueueNotify:
        return this.#notify(value);
      case InterruptACK:
        this.#checkAck(value);
        this.#interruptStatus &= ~value;
        return this.#ports.irq.set(this.#interruptStatus !== 0);
      case Status:
        return this.#writeStatus(value & 0xff);
      default:
        return this.#writeQueue(offset, value);
    }
  }

  input(input: Input): void {
    if (this.#chip?.input === undefined) {
      throw new RangeError(`"${this.id}" takes no input, and got "${input.kind}"`);
    }
    this.#chip.input(input);
  }

  reseed(seed: number): void {
    this.#chip?.reseed?.(seed);
  }

  deadline(): number {
    return this.#chip?.deadline?.() ?? Infinity;
  }

  tick(): void {
    this.#chip?.tick?.();
  }

  save(): VirtioMmioState {
    return this.#state(this.#chip?.save());
  }

  summary(): VirtioMmioState {
    return this.#state(this.#chip?.summary?.() ?? this.#chip?.save());
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    const saved = state as VirtioMmioState;
    if ((saved.chip === undefined) !== (this.#chip === undefined)) {
      throw new RangeError(`Cannot restore "${this.id}": one of slot and state is empty`);
    }
    this.#status = saved.status;
    this.#deviceFeaturesSel = saved.deviceFeaturesSel;
    this.#driverFeaturesSel = saved.driverFeaturesSel;
    this.#setDriverFeatures(saved.driverFeatures);
    this.#queueSel = saved.queueSel;
    this.#interruptStatus = saved.interruptStatus;
    this.#configGeneration = saved.configGeneration;
    this.#queues.forEach((queue, index) => queue.restore(saved.queues[index]));
    if (saved.chip !== undefined) this.#chip?.restore(saved.chip);
  }

  #state(chip: State | undefined): VirtioMmioState {
    return {
      version: 1,
      status: this.#status,
      deviceFeaturesSel: this.#deviceFeaturesSel,
      driverFeaturesSel: this.#driverFeaturesSel,
      driverFeatures: this.#driverFeatures,
      queueSel: this.#queueSel,
      interruptStatus: this.#interruptStatus,
      configGeneration: this.#configGeneration,
      queues: this.#queues.map((queue) => queue.save()),
      chip,
    };
  }

  #negotiated(bit: number): boolean {
    return (this.#driverFeatures >> BigInt(bit) & 1n) === 1n;
  }

  /** Looked at for every buffer, so it is kept apart from the bits that it follows from. */
  #setDriverFeatures(features: bigint): void {
    this.#driverFeatures = features;
    this.#queueFeatures = {
      indirect: this.#negotiated(VIRTIO_F_INDIRECT_DESC),
      eventIdx: this.#negotiated(VIRTIO_F_EVENT_IDX),
    };
  }

  /** The device works its queues only between DRIVER_OK and a fault or reset (2.1.2). */
  get #running(): boolean {
    return (this.#status & (DRIVER_OK | DEVICE_NEEDS_RESET)) === DRIVER_OK;
  }

  #readConfig(offset: number, width: Width): number {
    const config = this.#chip?.config;
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (config?.[offset + i] ?? 0);
    return value;
  }

  #featureWord(): number {
    const word = this.#deviceFeaturesSel;
    return word > 1 ? 0 : Number(this.#offered >> BigInt(32 * word) & 0xffff_ffffn);
  }

  /** 4.2.2.2: control registers are read and written 32 bits at a time. */
  #wrongWidth(offset: number, width: Width): number {
    if (offset < Config) {
      this.#breach("4.2.2.2", `register 0x${offset.toString(16)} is accessed with ${width} bytes`);
    }
    return 0;
  }

  #checkAck(value: number): void {
    const reserved = value & ~(USED_BUFFER | CONFIGURATION_CHANGE);
    if (reserved === 0) return;
    this.#breach("4.2.2.2", `InterruptACK is written with reserved bits, 0x${hex(reserved)}`);
  }

  /** Features are fixed once FEATURES_OK stands (3.1.1). */
  #writeDriverFeatures(value: number): void {
    if ((this.#status & FEATURES_OK) !== 0) {
      return this.#breach("3.1.1", "features are accepted after FEATURES_OK");
    }
    if (this.#driverFeaturesSel > 1) return;
    const old = this.#driverFeatures;
    this.#setDriverFeatures(
      this.#driverFeaturesSel === 0
        ? (old >> 32n << 32n) | BigInt(value)
        : (old & 0xffff_ffffn) | (BigInt(value) << 32n),
    );
  }

  #writeStatus(value: number): void {
    if (value === 0) return this.#reset();
    this.#checkStatus(value);
    // The driver sets bits and clears none (2.1.1); DEVICE_NEEDS_RESET is the device's own.
    let status = this.#status | (value & ~DEVICE_NEEDS_RESET);
    const acceptable = (this.#driverFeatures & ~this.#offered) === 0n &&
      this.#negotiated(VIRTIO_F_VERSION_1);
    const asked = (status & ~this.#status & FEATURES_OK) !== 0;
    // 2.2.2: a subset that the device cannot work with leaves FEATURES_OK clear.
    if (asked && !acceptable) status &= ~FEATURES_OK;
    // 3.1.1: without FEATURES_OK the driver must not go on to DRIVER_OK.
    if ((status & FEATURES_OK) === 0) status &= ~DRIVER_OK;
    this.#status = status;
  }

  /** Names what {@link #writeStatus} lets pass, or refuses in silence. */
  #checkStatus(value: number): void {
    const cleared = this.#status & ~value & ~DEVICE_NEEDS_RESET;
    if (cleared !== 0) this.#breach("2.1.1", `status bits 0x${hex(cleared)} are cleared`);
    const all = this.#status | value;
    const missing = (later: number, sooner: number) => (all & later) !== 0 && (all & sooner) === 0;
    if (missing(DRIVER, ACKNOWLEDGE)) this.#breach("3.1.1", "DRIVER is set without ACKNOWLEDGE");
    if (missing(FEATURES_OK, DRIVER)) this.#breach("3.1.1", "FEATURES_OK is set without DRIVER");
    const refused = (value & DRIVER_OK) !== 0 && (this.#status & FEATURES_OK) === 0;
    if (refused) this.#breach("3.1.1", "DRIVER_OK is set without FEATURES_OK");
    if ((value & ~this.#status & FEATURES_OK) === 0) return;
    const foreign = this.#driverFeatures & ~this.#offered;
    if (foreign !== 0n) {
      this.#breach("2.2.1", `features 0x${hex(foreign)} are accepted, which were not offered`);
    }
    if (!this.#negotiated(VIRTIO_F_VERSION_1)) {
      this.#breach("6.1", "VIRTIO_F_VERSION_1 is not accepted");
    }
  }

  /** 2.4.1 and 4.2.2.1: afterwards it looks as it did at power-on. */
  #reset(): void {
    this.#forget();
    for (const queue of this.#queues) queue.reset();
    this.#status = 0;
    this.#deviceFeaturesSel = 0;
    this.#driverFeaturesSel = 0;
    this.#setDriverFeatures(0n);
    this.#queueSel = 0;
    this.#interruptStatus = 0;
    this.#ports.irq.set(false);
  }

  #forget(): void {
    for (let queue = 0; queue < this.#queues.length; queue++) this.#chip?.forget(queue);
  }

  #writeQueue(offset: number, value: number): void {
    const queue = this.#queues[this.#queueSel];
    const half = QueueAddresses.indexOf(offset);
    const isOfQueue = offset === QueueReady || offset === QueueNum || half >= 0;
    if (!isOfQueue) return;
    if (queue === undefined) {
      return this.#breach("4.2.2.2", `queue ${this.#queueSel} is set up, which is not there`);
    }
    if (offset === QueueReady) return this.#writeQueueReady(queue, (value & 1) === 1);
    // 4.2.2.2: a running queue keeps its size and its addresses
    if (queue.ready) {
      return this.#breach("4.2.2.2", `queue ${this.#queueSel} is changed while it is ready`);
    }
    if (offset === QueueNum) queue.size = value;
    if (half >= 0) queue.addresses[half] = value;
  }

  #writeQueueReady(queue: Virtqueue, ready: boolean): void {
    if (ready === queue.ready) return;
    if (ready) {
      this.#checkAreas(queue);
      if (!queue.start()) {
        const size = `queue ${this.#queueSel} has size ${queue.size}`;
        this.#needsReset("2.7", `${size}, no power of two up to ${queue.sizeMax}`);
      }
    } else {
      queue.ready = false;
      this.#chip?.forget(this.#queueSel);
    }
  }

  #notify(queue: number): void {
    if (this.#running && this.#queues[queue]?.ready) return this.#chip?.notify(queue);
    const isReady = this.#queues[queue]?.ready ?? false;
    if (!isReady) this.#breach("4.2.2.2", `queue ${queue} is notified, which is not ready`);
    else if ((this.#status & DRIVER_OK) === 0) {
      this.#breach("3.1.1", `queue ${queue} is notified before DRIVER_OK`);
    }
  }

  /** The areas are aligned to 16, 2 and 4 bytes (2.7). */
  #checkAreas({ addresses }: Virtqueue): void {
    for (const [area, alignment] of [16, 2, 4].entries()) {
      if (addresses[2 * area] % alignment === 0) continue;
      const name = ["descriptor", "driver", "device"][area];
      this.#breach(
        "2.7",
        `the ${name} area of queue ${this.#queueSel} is not aligned to ${alignment}`,
      );
    }
  }

  *#chains(index: number): Iterable<Chain> {
    const queue = this.#queues[index];
    const features = this.#queueFeatures;
    // The bound also holds where the used ring lies on top of the available ring's index.
    for (let left = queue.size; left > 0 && this.#running && queue.ready; left--) {
      const chain = queue.pop(features);
      if (chain === undefined) break;
      if ("fault" in chain) return this.#queueFault(index, chain);
      if (!queue.expectNext(features)) return this.#queueFault(index, NO_USED_RING);
      yield chain;
    }
  }

  #push(index: number, chain: Chain, sizeBytes: number): void {
    const queue = this.#queues[index];
    if (!this.#running || !queue.ready) return;
    const interrupt = queue.push(chain.head, sizeBytes, this.#queueFeatures);
    if (typeof interrupt === "object") this.#queueFault(index, interrupt);
    else if (interrupt) this.#interrupt(USED_BUFFER);
  }

  #configChanged(): void {
    this.#configGeneration = (this.#configGeneration + 1) >>> 0;
    if ((this.#status & DRIVER_OK) !== 0) this.#interrupt(CONFIGURATION_CHANGE);
  }

  #breach(section: string, text: string): void {
    this.#ports.breach?.(`VIRTIO 1.2, ${section}`, text);
  }

  #queueFault(queue: number, { fault, section }: QueueFault): void {
    this.#needsReset(section, `queue ${queue}: ${fault}`);
  }

  #needsReset(section: string, text: string): void {
    this.#breach(section, text);
    if ((this.#status & DEVICE_NEEDS_RESET) !== 0) return;
    this.#status |= DEVICE_NEEDS_RESET;
    this.#forget();
    if ((this.#status & DRIVER_OK) !== 0) this.#interrupt(CONFIGURATION_CHANGE);
  }

  #interrupt(cause: number): void {
    this.#interruptStatus |= cause;
    this.#ports.irq.set(true);
  }
}

function hex(value: number | bigint): string {
  return value.toString(16);
}
