/**
 * The test finisher: one register through which the guest turns the machine off or resets it.
 * Source: SiFive FU540 manual, test finisher; QEMU `hw/misc/sifive_test.c` for the reset code.
 */
import type { Device, DevicePorts, Width } from "../core/device.ts";
import { requireVersion, type State } from "../core/state.ts";

const FAIL = 0x3333; // code in bits 16 to 31
const PASS = 0x5555;
const RESET = 0x7777;

/** @example `sw 0x5555` to offset 0 is a poweroff, `0x0007_3333` a failure with code 7. */
export class Finisher implements Device {
  readonly id: string;
  readonly sizeBytes = 0x1000;
  readonly widths: readonly Width[] = [2, 4];
  readonly #ports: Pick<DevicePorts, "output" | "breach">;

  constructor(
    options: { readonly id: string },
    ports: Pick<DevicePorts, "output" | "breach">,
  ) {
    this.id = options.id;
    this.#ports = ports;
  }

  read(_offset: number, _width: Width): number {
    return 0;
  }

  write(offset: number, _width: Width, value: number): void {
    if (offset !== 0) return;
    const status = value & 0xffff;
    if (status === FAIL) this.#power("fail", value >>> 16);
    else if (status === PASS) this.#power("poweroff", 0);
    else if (status === RESET) this.#power("reset", 0);
    else this.#ports.breach?.("test finisher, status", `0x${status.toString(16)} means nothing`);
  }

  /** It keeps nothing: what it did is over at once. */
  save(): State {
    return { version: 1 };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
  }

  #power(action: "poweroff" | "reset" | "fail", code: number): void {
    this.#ports.output({ kind: "power", action, code });
  }
}
