/**
 * Goldfish real-time clock: nanoseconds since 1970 and one alarm.
 * Source: Android goldfish virtual hardware, `GOLDFISH-VIRTUAL-HARDWARE.TXT`; QEMU
 * `hw/rtc/goldfish_rtc.c` for what each access does.
 */
import type { Device, DevicePorts, Width } from "../core/device.ts";
import { requireVersion, type State } from "../core/state.ts";

const TIME_LOW = 0x00; // read first: it latches TIME_HIGH
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08; // written last: it arms the alarm
const ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10;
const CLEAR_ALARM = 0x14;
const ALARM_STATUS = 0x18;
const CLEAR_INTERRUPT = 0x1c;

/** From 2^53 cycles (104 days) on a machine has no positions: such an alarm is armed and never rings. */
const NEVER = Number.MAX_SAFE_INTEGER;

export type GoldfishRtcState = {
  readonly version: 1;
  /** What the guest's writes moved the time by, in nanoseconds modulo 2^64. */
  readonly offsetNs: bigint;
  readonly timeHigh: number;
  readonly alarmNs: bigint;
  /** The cycle at which the alarm rings, {@link NEVER} at most; `Infinity` while it is not armed. */
  readonly alarmCycle: number;
  readonly irqEnabled: boolean;
  readonly irqPending: boolean;
};

export class GoldfishRtc implements Device {
  readonly id: string;
  readonly sizeBytes = 0x1000;
  readonly widths: readonly Width[] = [4];
  readonly #ports: Pick<DevicePorts, "irq" | "clock">;
  #offsetNs = 0n;
  #timeHigh = 0;
  #alarmNs = 0n;
  #alarmCycle = Infinity;
  #irqEnabled = false;
  #irqPending = false;

  constructor(options: { readonly id: string }, ports: Pick<DevicePorts, "irq" | "clock">) {
    this.id = options.id;
    this.#ports = ports;
  }

  read(offset: number, _width: Width): number {
    switch (offset) {
      case TIME_LOW: {
        const now = this.#timeNs();
        this.#timeHigh = Number(now >> 32n);
        return low(now);
      }
      case TIME_HIGH:
        return this.#timeHigh;
      case ALARM_LOW:
        return low(this.#alarmNs);
      case ALARM_HIGH:
        return Number(this.#alarmNs >> 32n);
      case IRQ_ENABLED:
        return this.#irqEnabled ? 1 : 0;
      case ALARM_STATUS:
        return this.#alarmCycle === Infinity ? 0 : 1;
      default:
        return 0;
    }
  }

  write(offset: number, _width: Width, value: number): void {
    switch (offset) {
      case TIME_LOW:
        return this.#setTime((now) => withLow(now, value));
      case TIME_HIGH:
        return this.#setTime((now) => withHigh(now, value));
      case ALARM_LOW:
        this.#alarmNs = withLow(this.#alarmNs, value);
        return this.#arm();
      case ALARM_HIGH:
        this.#alarmNs = withHigh(this.#alarmNs, value);
        return;
      case IRQ_ENABLED:
        this.#irqEnabled = (value & 1) === 1;
        return this.#update();
      case CLEAR_ALARM:
        this.#alarmCycle = Infinity;
        return;
      case CLEAR_INTERRUPT:
        this.#irqPending = false;
        return this.#update();
    }
  }

  deadline(): number {
    return this.#alarmCycle < NEVER ? this.#alarmCycle : Infinity;
  }

  tick(): void {
    if (this.#ports.clock.cycle() >= this.#alarmCycle) this.#ring();
  }

  save(): GoldfishRtcState {
    return {
      version: 1,
      offsetNs: this.#offsetNs,
      timeHigh: this.#timeHigh,
      alarmNs: this.#alarmNs,
      alarmCycle: this.#alarmCycle,
      irqEnabled: this.#irqEnabled,
      irqPending: this.#irqPending,
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    const saved = state as GoldfishRtcState;
    this.#offsetNs = saved.offsetNs;
    this.#timeHigh = saved.timeHigh;
    this.#alarmNs = saved.alarmNs;
    this.#alarmCycle = saved.alarmCycle;
    this.#irqEnabled = saved.irqEnabled;
    this.#irqPending = saved.irqPending;
  }

  #timeNs(): bigint {
    return BigInt.asUintN(64, this.#ports.clock.wallTimeNs() + this.#offsetNs);
  }

  #setTime(change: (now: bigint) => bigint): void {
    const now = this.#timeNs();
    this.#offsetNs = BigInt.asUintN(64, this.#offsetNs + change(now) - now);
  }

  /**
   * The distance to the alarm is counted in cycles from here on, one per nanosecond, so that the
   * calendar of the host is read (and logged) only when the guest asks for it.
   */
  #arm(): void {
    const distance = this.#alarmNs - this.#timeNs();
    if (distance <= 0n) return this.#ring();
    this.#alarmCycle = Math.min(this.#ports.clock.cycle() + Number(distance), NEVER);
  }

  #ring(): void {
    this.#alarmCycle = Infinity;
    this.#irqPending = true;
    this.#update();
  }

  #update(): void {
    this.#ports.irq.set(this.#irqPending && this.#irqEnabled);
  }
}

function low(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}

function withLow(old: bigint, value: number): bigint {
  return (old & 0xffff_ffff_0000_0000n) | BigInt(value);
}

function withHigh(old: bigint, value: number): bigint {
  return (BigInt(value) << 32n) | (old & 0xffff_ffffn);
}
