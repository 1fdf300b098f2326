/**
 * 16550 UART. Source: National PC16550D data sheet (June 1995), section 8 for the registers.
 *
 * The line takes no time: a byte written to THR is out at once, so THR is always empty.
 */
import type { Device, DevicePorts, Width } from "../core/device.ts";
import type { Input } from "../core/host.ts";
import { requireVersion, type State } from "../core/state.ts";
import { ByteBacklog } from "./byte_backlog.ts";

const RBR = 0; // receiver buffer (read), DLAB = 0
const THR = 0; // transmitter holding (write), DLAB = 0
const DLL = 0; // divisor latch, low byte, DLAB = 1
const IER = 1; // interrupt enable, DLAB = 0
const DLM = 1; // divisor latch, high byte, DLAB = 1
const IIR = 2; // interrupt identification (read)
const FCR = 2; // FIFO control (write)
const LCR = 3; // line control
const MCR = 4; // modem control
const LSR = 5; // line status
const MSR = 6; // modem status
const SCR = 7; // scratch

const IER_ERBFI = 0x01; // received data available
const IER_ETBEI = 0x02; // transmitter holding register empty
const IER_ELSI = 0x04; // receiver line status
const IER_EDSSI = 0x08; // modem status

const IIR_MODEM_STATUS = 0x00;
const IIR_NONE = 0x01;
const IIR_THR_EMPTY = 0x02;
const IIR_DATA_AVAILABLE = 0x04;
const IIR_LINE_STATUS = 0x06;
const IIR_CHARACTER_TIMEOUT = 0x0c;
const IIR_FIFOS_ENABLED = 0xc0;

const FCR_ENABLE = 0x01;
const FCR_RCVR_RESET = 0x02;
const FCR_KEPT = 0xc9; // enable, DMA mode, trigger level
const TRIGGER_LEVELS = [1, 4, 8, 14]; // bytes, by FCR bits 6 and 7

const LCR_STB = 0x04; // a second stop bit
const LCR_PEN = 0x08; // parity bit
const LCR_DLAB = 0x80;

const MCR_LOOP = 0x10;
const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_THRE_TEMT = 0x60;
const MSR_RI = 0x40;
const MSR_CONNECTED = 0xb0; // DCD, DSR, CTS: somebody is always at the other end

const FIFO_BYTES = 16;
/** As in the device tree of QEMU's `virt` board: baud rate = clock / (16 * divisor). */
export const UART_CLOCK_HZ = 3_686_400;

export type Uart16550State = {
  readonly version: 1;
  readonly ier: number;
  readonly fcr: number;
  readonly lcr: number;
  readonly mcr: number;
  readonly scr: number;
  readonly divisor: number;
  /** MSR bits 0 to 3: what changed since it was read. */
  readonly modemDelta: number;
  readonly overrun: boolean;
  /** THR became empty, and neither IIR nor THR was touched since. */
  readonly thrEmptied: boolean;
  readonly received: Uint8Array;
  /** When the character timeout comes; `Infinity` if the FIFO is empty, off, or timed out. */
  readonly timeoutCycle: number;
  readonly timedOut: boolean;
  /** Bytes from the host that the FIFO has no room for yet. */
  readonly backlog: Uint8Array;
};

export class Uart16550 implements Device {
  readonly id: string;
  readonly sizeBytes = 0x100;
  /** The data bus has 8 bits. As on QEMU's board, a wider access reaches the one register at its address. */
  readonly widths: readonly Width[] = [1, 2, 4];
  readonly #ports: Pick<DevicePorts, "irq" | "clock" | "output">;
  readonly #backlog = new ByteBacklog();
  #ier = 0;
  #fcr = 0;
  #lcr = 0;
  #mcr = 0;
  #scr = 0;
  #divisor = 1;
  #modemDelta = 0;
  #overrun = false;
  #thrEmptied = false;
  #received: number[] = [];
  #timeoutCycle = Infinity;
  #timedOut = false;

  constructor(
    options: { readonly id: string },
    ports: Pick<DevicePorts, "irq" | "clock" | "output">,
  ) {
    this.id = options.id;
    this.#ports = ports;
  }

  read(offset: number, _width: Width): number {
    const DLAB = (this.#lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case RBR:
        return DLAB ? this.#divisor & 0xff : this.#readRbr();
      case IER:
        return DLAB ? this.#divisor >> 8 : this.#ier;
      case IIR:
        return this.#readIir();
      case LCR:
        return this.#lcr;
      case MCR:
        return this.#mcr;
      case LSR:
        return this.#readLsr();
      case MSR:
        return this.#readMsr();
      case SCR:
        return this.#scr;
      default:
        return 0;
    }
  }

  write(offset: number, _width: Width, wide: number): void {
    const value = wide & 0xff;
    const DLAB = (this.#lcr & LCR_DLAB) !== 0;
    if (offset === DLL && DLAB) this.#divisor = (this.#divisor & 0xff00) | value;
    else if (offset === DLM && DLAB) this.#divisor = (this.#divisor & 0x00ff) | (value << 8);
    else if (offset === THR) this.#writeThr(value);
    else if (offset === IER) this.#writeIer(value & 0x0f);
    else if (offset === FCR) this.#writeFcr(value);
    else if (offset === LCR) this.#lcr = value;
    else if (offset === MCR) this.#writeMcr(value & 0x1f);
    else if (offset === SCR) this.#scr = value;
    this.#update();
  }

  input(input: Input): void {
    if (input.kind !== "console") {
      throw new RangeError(`"${this.id}" is a console, it takes no "${input.kind}" input`);
    }
    // Where the guest does not read, bytes are lost in the end, as on a real line (8.3, OE).
    if (!this.#backlog.push(input.bytes)) this.#overrun = true;
    this.#fill();
    this.#update();
  }

  deadline(): number {
    return this.#timeoutCycle;
  }

  tick(): void {
    if (this.#ports.clock.cycle() < this.#timeoutCycle) return;
    this.#timeoutCycle = Infinity;
    this.#timedOut = true;
    this.#update();
  }

  save(): Uart16550State {
    return {
      version: 1,
      ier: this.#ier,
      fcr: this.#fcr,
      lcr: this.#lcr,
      mcr: this.#mcr,
      scr: this.#scr,
      divisor: this.#divisor,
      modemDelta: this.#modemDelta,
      overrun: this.#overrun,
      thrEmptied: this.#thrEmptied,
      received: Uint8Array.from(this.#received),
      timeoutCycle: this.#timeoutCycle,
      timedOut: this.#timedOut,
      backlog: this.#backlog.save(),
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    const saved = state as Uart16550State;
    this.#ier = saved.ier;
    this.#fcr = saved.fcr;
    this.#lcr = saved.lcr;
    this.#mcr = saved.mcr;
    this.#scr = saved.scr;
    this.#divisor = saved.divisor;
    this.#modemDelta = saved.modemDelta;
    this.#overrun = saved.overrun;
    this.#thrEmptied = saved.thrEmptied;
    this.#received = [...saved.received];
    this.#timeoutCycle = saved.timeoutCycle;
    this.#timedOut = saved.timedOut;
    this.#backlog.restore(saved.backlog);
  }

  get #fifos(): boolean {
    return (this.#fcr & FCR_ENABLE) !== 0;
  }

  get #loopback(): boolean {
    return (this.#mcr & MCR_LOOP) !== 0;
  }

  #readRbr(): number {
    const value = this.#received.shift() ?? 0;
    this.#timedOut = false;
    this.#restartTimeout();
    this.#fill();
    this.#update();
    return value;
  }

  /** Reading IIR resets the THR-empty interrupt if that is what it shows (8.5). */
  #readIir(): number {
    const cause = this.#cause();
    if (cause === IIR_THR_EMPTY) {
      this.#thrEmptied = false;
      this.#update();
    }
    return cause | (this.#fifos ? IIR_FIFOS_ENABLED : 0);
  }

  #readLsr(): number {
    const value = LSR_THRE_TEMT | (this.#received.length > 0 ? LSR_DR : 0) |
      (this.#overrun ? LSR_OE : 0);
    this.#overrun = false;
    this.#update();
    return value;
  }

  #readMsr(): number {
    const value = this.#modemInputs() | this.#modemDelta;
    this.#modemDelta = 0;
    this.#update();
    return value;
  }

  #writeThr(value: number): void {
    if (this.#loopback) this.#receiveLooped(value);
    else this.#ports.output({ kind: "console", bytes: Uint8Array.of(value) });
    this.#thrEmptied = true;
  }

  /**
   * Enabling the THR-empty interrupt while THR is empty raises it, even if IIR was read before.
   * The data sheet is silent; drivers rely on it (Linux 8250 tests for it as UART_BUG_TXEN).
   */
  #writeIer(value: number): void {
    if (((this.#ier ^ value) & IER_ETBEI) !== 0) this.#thrEmptied = (value & IER_ETBEI) !== 0;
    this.#ier = value;
  }

  /** Changing FCR bit 0 clears the FIFOs; its other bits count only together with it (8.4). */
  #writeFcr(value: number): void {
    const toggled = ((this.#fcr ^ value) & FCR_ENABLE) !== 0;
    const enabled = (value & FCR_ENABLE) !== 0;
    if (toggled || (enabled && (value & FCR_RCVR_RESET) !== 0)) {
      this.#received = [];
      this.#timedOut = false;
    }
    this.#fcr = enabled ? value & FCR_KEPT : 0;
    this.#restartTimeout();
    this.#fill();
  }

  #writeMcr(value: number): void {
    const before = this.#modemInputs();
    this.#mcr = value;
    const after = this.#modemInputs();
    // CTS, DSR and DCD report any change, RI only its trailing edge (8.8).
    const changed = ((before ^ after) & ~MSR_RI) | (before & ~after & MSR_RI);
    this.#modemDelta |= changed >> 4;
    this.#fill();
  }

  /** MSR bits 4 to 7. In loopback they are RTS, DTR, OUT1 and OUT2 (8.7). */
  #modemInputs(): number {
    if (!this.#loopback) return MSR_CONNECTED;
    const mcr = this.#mcr;
    return ((mcr & 0x02) << 3) | ((mcr & 0x01) << 5) | ((mcr & 0x04) << 4) | ((mcr & 0x08) << 4);
  }

  /** A looped byte has nowhere to wait: where there is no room it is an overrun (8.3, OE). */
  #receiveLooped(value: number): void {
    if (this.#received.length < (this.#fifos ? FIFO_BYTES : 1)) this.#received.push(value);
    else {
      this.#overrun = true;
      if (!this.#fifos) this.#received[0] = value;
    }
    this.#restartTimeout();
  }

  /** Moves waiting bytes into the FIFO; the serial input is cut off in loopback. */
  #fill(): void {
    if (this.#loopback) return;
    const room = (this.#fifos ? FIFO_BYTES : 1) - this.#received.length;
    if (room <= 0 || this.#backlog.sizeBytes === 0) return;
    this.#received.push(...this.#backlog.take(room));
    this.#restartTimeout();
  }

  /** Four character times without an arrival or a read, while the FIFO holds something (8.6). */
  #restartTimeout(): void {
    if (this.#timedOut) return;
    this.#timeoutCycle = this.#fifos && this.#received.length > 0
      ? this.#ports.clock.cycle() + 4 * this.#characterCycles()
      : Infinity;
  }

  #characterCycles(): number {
    const lcr = this.#lcr;
    const bits = 1 + 5 + (lcr & 3) + (lcr & LCR_PEN ? 1 : 0) + (lcr & LCR_STB ? 2 : 1);
    return Math.ceil((bits * 16 * Math.max(this.#divisor, 1) * 1_000_000_000) / UART_CLOCK_HZ);
  }

  /** The pending interrupt of the highest priority, as IIR names it (8.5, table IV). */
  #cause(): number {
    if ((this.#ier & IER_ELSI) !== 0 && this.#overrun) return IIR_LINE_STATUS;
    if ((this.#ier & IER_ERBFI) !== 0) {
      const level = this.#fifos ? TRIGGER_LEVELS[this.#fcr >> 6] : 1;
      if (this.#received.length >= level) return IIR_DATA_AVAILABLE;
      if (this.#timedOut) return IIR_CHARACTER_TIMEOUT;
    }
    if ((this.#ier & IER_ETBEI) !== 0 && this.#thrEmptied) return IIR_THR_EMPTY;
    if ((this.#ier & IER_EDSSI) !== 0 && this.#modemDelta !== 0) return IIR_MODEM_STATUS;
    return IIR_NONE;
  }

  #update(): void {
    this.#ports.irq.set(this.#cause() !== IIR_NONE);
  }
}
