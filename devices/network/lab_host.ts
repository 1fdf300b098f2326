/** Stands between a machine of a lab and its own host: frames come from the network and go to it, in rounds. */
import type { Host, Input, Output } from "../../core/host.ts";

/** What the network, or the outside, has for the machine. */
export interface LabInput {
  readonly cycle: number;
  readonly input: Input;
}

/** A frame that the machine has sent. */
export interface SentFrame {
  readonly cycle: number;
  readonly device: string;
  readonly bytes: Uint8Array;
}

/** What the machine wrote to a console. */
export interface Printed {
  readonly device: string;
  readonly bytes: Uint8Array;
}

export class LabHost implements Host {
  readonly #host: Host;
  /** Of this round, in order of cycle. */
  #inputs: readonly LabInput[] = [];
  #taken = 0;
  #sent: SentFrame[] = [];
  #printed: Printed[] = [];
  /** The machine goes no further in this round. */
  #edge = 0;
  #wakes: number | undefined;

  /** @param host answers all but the network, and knows when: no live end, model timing */
  constructor(host: Host) {
    this.#host = host;
  }

  /** The cycle for which every hart waits if no frame comes; `undefined`: one of them runs. */
  get wakes(): number | undefined {
    return this.#wakes;
  }

  /** Begins a round. @param inputs all that arrives in it, in order of cycle */
  begin(edge: number, inputs: readonly LabInput[]): void {
    this.#edge = edge;
    this.#inputs = inputs;
    this.#taken = 0;
  }

  /** What the machine has sent since the last call. */
  takeSent(): SentFrame[] {
    return this.#sent.splice(0);
  }

  /** What it has printed since the last call. */
  takePrinted(): Printed[] {
    return this.#printed.splice(0);
  }

  output(cycle: number, device: string, output: Output): void {
    if (output.kind === "frame") {
      this.#sent.push({ cycle, device, bytes: output.bytes.slice() });
      return;
    }
    if (output.kind === "console") this.#print(device, output.bytes);
    this.#host.output(cycle, device, output);
  }

  take(cycle: number): Input | undefined {
    const own = this.#host.take(cycle);
    if (own !== undefined || !(this.#nextInput() <= cycle)) return own;
    return this.#inputs[this.#taken++].input;
  }

  horizon(cycle: number): number {
    this.#wakes = undefined;
    return Math.min(this.#host.horizon(cycle), this.#nextInput(), this.#edge);
  }

  settle(cycle: number): Promise<void> | undefined {
    return this.#host.settle(cycle);
  }

  idle(cycle: number, deadline: number): number {
    const own = this.#host.idle(cycle, deadline);
    if (typeof own !== "number") throw new Error("a machine of a lab has no live end");
    this.#wakes = Math.min(own, deadline);
    return Math.min(this.#wakes, this.#nextInput(), this.#edge);
  }

  wallTimeNs(cycle: number): bigint {
    return this.#host.wallTimeNs(cycle);
  }

  // A serial port prints byte by byte.
  #print(device: string, bytes: Uint8Array): void {
    const last = this.#printed.at(-1);
    if (last?.device !== device) this.#printed.push({ device, bytes: bytes.slice() });
    else this.#printed[this.#printed.length - 1] = { device, bytes: joined(last.bytes, bytes) };
  }

  #nextInput(): number {
    return this.#inputs[this.#taken]?.cycle ?? Infinity;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
