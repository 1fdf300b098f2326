/**
 * Core-local interruptor: software interrupts and the machine timer of every hart.
 * Source: SiFive FU540 manual, CLINT memory map; RISC-V ACLINT specification 1.0, MTIMER and MSWI;
 * privileged specification, mtime and mtimecmp.
 */
import type { Clock, Device, IrqLine, Width } from "../core/device.ts";
import type { Input } from "../core/host.ts";
import { requireVersion, type State } from "../core/state.ts";

const MSIP = 0x0000; // 4 bytes per hart, bit 0
const MTIMECMP = 0x4000; // 8 bytes per hart
const MTIME = 0xbff8; // 8 bytes

const NEVER = 0xffff_ffff_ffff_ffffn; // the compare value of a guest that wants no timer

export interface ClintOptions {
  readonly id: string;
  /** 1 to 8. */
  readonly harts: number;
}

export interface ClintPorts {
  readonly clock: Clock;
  lines(hart: number, line: "MSIP" | "MTIP"): IrqLine;
}

export type ClintState = {
  readonly version: 1;
  readonly msip: readonly boolean[];
  readonly mtimecmp: readonly bigint[];
  /** The levels of the MTIP lines; `true` from the cycle in which mtime reached mtimecmp. */
  readonly mtip: readonly boolean[];
};

export class Clint implements Device {
  readonly id: string;
  readonly sizeBytes = 0x1_0000;
  readonly widths: readonly Width[] = [4, 8];
  readonly #clock: Clock;
  readonly #msipLines: IrqLine[] = [];
  readonly #mtipLines: IrqLine[] = [];
  #msip: boolean[] = [];
  #mtimecmp: bigint[] = [];
  #mtip: boolean[] = [];

  constructor(options: ClintOptions, ports: ClintPorts) {
    this.id = options.id;
    this.#clock = ports.clock;
    for (let hart = 0; hart < options.harts; hart++) {
      this.#msipLines.push(ports.lines(hart, "MSIP"));
      this.#mtipLines.push(ports.lines(hart, "MTIP"));
      this.#msip.push(false);
      // Undefined by the manuals; QEMU has 0, so that MTIP is pending from the first cycle.
      this.#mtimecmp.push(0n);
      this.#mtip.push(false);
    }
  }

  read(offset: number, _width: Width): number {
    if (offset < MTIMECMP) return this.#msip[(offset - MSIP) >> 2] ? 1 : 0;
    const high = (offset & 4) !== 0;
    if (offset < MTIME) return half(this.#mtimecmp[(offset - MTIMECMP) >> 3] ?? 0n, high);
    return offset < MTIME + 8 ? half(this.#clock.mtime(), high) : 0;
  }

  write(offset: number, _width: Width, value: number): void {
    if (offset < MTIMECMP) this.#writeMsip((offset - MSIP) >> 2, (value & 1) === 1);
    else if (offset < MTIME) this.#writeMtimecmp((offset - MTIMECMP) >> 3, offset, value);
    else if (offset < MTIME + 8) {
      this.#clock.setMtime(withHalf(this.#clock.mtime(), (offset & 4) !== 0, value));
      this.tick();
    }
  }

  /** As if the guest had written to mtime. */
  input(input: Input): void {
    if (input.kind !== "fault" || input.fault !== "jump") {
      throw new RangeError(`"${this.id}" takes no "${input.kind}" input but a jump of mtime`);
    }
    this.#clock.setMtime(BigInt.asUintN(64, this.#clock.mtime() + input.ticks));
    this.tick();
  }

  deadline(): number {
    let earliest = Infinity;
    for (let hart = 0; hart < this.#mtimecmp.length; hart++) {
      const compare = this.#mtimecmp[hart];
      if (this.#mtip[hart] || compare === NEVER) continue;
      earliest = Math.min(earliest, this.#clock.cycleOfMtime(compare));
    }
    return earliest;
  }

  /** Sets every MTIP line to what the privileged specification defines: mtime >= mtimecmp. */
  tick(): void {
    const mtime = this.#clock.mtime();
    for (let hart = 0; hart < this.#mtimecmp.length; hart++) {
      this.#mtip[hart] = mtime >= this.#mtimecmp[hart];
      this.#mtipLines[hart].set(this.#mtip[hart]);
    }
  }

  save(): ClintState {
    return {
      version: 1,
      msip: [...this.#msip],
      mtimecmp: [...this.#mtimecmp],
      mtip: [...this.#mtip],
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    const { msip, mtimecmp, mtip } = state as ClintState;
    this.#msip = [...msip];
    this.#mtimecmp = [...mtimecmp];
    this.#mtip = [...mtip];
  }

  #writeMsip(hart: number, level: boolean): void {
    if (hart >= this.#msip.length) return;
    this.#msip[hart] = level;
    this.#msipLines[hart].set(level);
  }

  #writeMtimecmp(hart: number, offset: number, value: number): void {
    if (hart >= this.#mtimecmp.length) return;
    this.#mtimecmp[hart] = withHalf(this.#mtimecmp[hart], (offset & 4) !== 0, value);
    this.tick();
  }
}

function half(value: bigint, high: boolean): number {
  return Number((high ? value >> 32n : value) & 0xffff_ffffn);
}

function withHalf(old: bigint, high: boolean, value: number): bigint {
  return high
    ? (BigInt(value) << 32n) | (old & 0xffff_ffffn)
    : (old & 0xffff_ffff_0000_0000n) | BigInt(value);
}
