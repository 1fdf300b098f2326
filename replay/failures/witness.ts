/** What a hart's registers and memory say at the first instruction of a function. */
import type { Machine } from "../../core/machine.ts";
import { walk } from "../page_walk.ts";
import { readRegister } from "../registers.ts";

/** Names of virtual addresses. */
export interface Names {
  address(name: string): bigint | undefined;
  nearest(address: bigint): { readonly name: string; readonly offset: bigint } | undefined;
}

const PAGE_BYTES = 4096;
const TEXT_BYTES_MAX = 200;
const CALLERS_MAX = 24;
/** Where Linux saves registers of what a trap interrupts, as a `struct pt_regs` (arch/riscv/include/asm/ptrace.h). */
const ENTRY = "handle_exception";
const [EPC, RA, FP] = [0n, 8n, 8n * 8n];
/** Where the psABI passes arguments. */
const A0 = 10;
const ARGUMENT_REGISTERS = 8;

export class Witness {
  constructor(readonly machine: Machine, readonly hart: number, readonly names: Names) {}

  get pc(): bigint {
    return this.register("pc");
  }

  register(name: string): bigint {
    return readRegister(this.machine, this.hart, name);
  }

  /** An integer argument of the function that begins, from 0; `undefined` if it is on a stack that is gone. */
  argument(index: number): bigint | undefined {
    if (index < ARGUMENT_REGISTERS) return this.register(`x${A0 + index}`);
    return this.u64(this.register("x2") + BigInt(8 * (index - ARGUMENT_REGISTERS)));
  }

  /** Memory as the hart sees it; the kernel's half also while it is in a program or in firmware. */
  memory(address: bigint, sizeBytes: number): Uint8Array | undefined {
    const bytes = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes;) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const take = Math.min(PAGE_BYTES - Number(at & 4095n), sizeBytes - done);
      const physical = walk(this.machine, this.hart, at) ??
        (at >> 63n === 1n ? walk(this.machine, this.hart, at, true) : undefined);
      const part = physical === undefined ? undefined : this.machine.memory.view(physical, take);
      if (part === undefined) return undefined;
      bytes.set(part, done);
      done += take;
    }
    return bytes;
  }

  u32(address: bigint): number | undefined {
    const bytes = this.memory(address, 4);
    return bytes && new DataView(bytes.buffer).getUint32(0, true);
  }

  u64(address: bigint): bigint | undefined {
    const bytes = this.memory(address, 8);
    return bytes && new DataView(bytes.buffer).getBigUint64(0, true);
  }

  /** A NUL-terminated string, cut where it is long; `undefined` if there is none. */
  text(address: bigint): string | undefined {
    let text = "";
    for (let i = 0n; text.length < TEXT_BYTES_MAX; i++) {
      const byte = this.memory(address + i, 1)?.[0];
      if (byte === undefined) return text === "" ? undefined : text;
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** `name+0x10`, or the number. */
  place(address: bigint): string {
    const place = this.names.nearest(address);
    if (place === undefined) return `0x${address.toString(16)}`;
    return place.offset === 0n ? place.name : `${place.name}+0x${place.offset.toString(16)}`;
  }

  /** The function that called the one that begins. */
  caller(): string | undefined {
    return this.names.nearest(this.register("x1") - 1n)?.name;
  }

  /**
   * Who called the function that begins, the innermost first: `ra`, then the frames that `fp` leads
   * through, as the psABI lays them out where code keeps frame pointers. Below a handler of Linux comes
   * what it has interrupted.
   */
  callers(): string[] {
    const found = [this.#caller(this.register("x1"))];
    let frame = this.register("x8");
    while (found.length < CALLERS_MAX) {
      let [ra, outer] = [this.u64(frame - 8n), this.u64(frame - 16n)];
      if (ra === undefined || outer === undefined || this.names.nearest(ra) === undefined) break;
      const place = this.#caller(ra);
      // The caller of a leaf's caller may be in ra and in the frame.
      if (place !== found.at(-1)) found.push(place);
      if (this.names.nearest(ra - 1n)?.name === ENTRY) {
        // Its caller's frame ends where the registers are (arch/riscv/kernel/stacktrace.c).
        const interrupted = this.#interrupted(frame);
        if (interrupted === undefined) break;
        found.push(...interrupted.places);
        outer = interrupted.frame;
      }
      if (outer <= frame) break;
      frame = outer;
    }
    return found;
  }

  /** @param regs address of a `struct pt_regs` */
  #interrupted(regs: bigint): { places: string[]; frame: bigint } | undefined {
    const [epc, ra, fp] = [EPC, RA, FP].map((field) => this.u64(regs + field));
    if (epc === undefined || ra === undefined || fp === undefined) return undefined;
    if (this.names.nearest(epc) === undefined) return undefined; // a program
    const saved = this.u64(fp - 8n);
    const isFramed = saved !== undefined && this.names.nearest(saved) !== undefined;
    if (isFramed) return { places: [this.place(epc)], frame: fp };
    // A leaf saves but its caller's frame pointer, and that where others save ra.
    return { places: [this.place(epc), this.#caller(ra)], frame: saved ?? 0n };
  }

  // A call that never returns may be its function's last instruction: the return address is beyond.
  #caller(ra: bigint): string {
    const place = this.names.nearest(ra - 1n);
    if (place === undefined) return `0x${ra.toString(16)}`;
    return `${place.name}+0x${(place.offset + 1n).toString(16)}`;
  }
}
