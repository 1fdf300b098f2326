/** The hosts of a machine that moves about in time. */
import type { Host, Input, Output } from "../core/host.ts";

/** A host that can go back. */
export interface SeekableHost extends Host {
  /** The machine was put back to the state before the inputs of this cycle. */
  rewind(cycle: number): void;
  /** A checkpoint was taken at this cycle: {@link rewind} may name it. */
  mark?(cycle: number): void;
}

/** What a machine is connected to for its whole life, while the host behind it changes. */
export class Seam implements Host {
  /** Sees all that leaves the machine. */
  onOutput: ((cycle: number, device: string, output: Output) => void) | undefined;

  constructor(public host: SeekableHost) {}

  output(cycle: number, device: string, output: Output): void {
    this.onOutput?.(cycle, device, output);
    this.host.output(cycle, device, output);
  }

  take(cycle: number): Input | undefined {
    return this.host.take(cycle);
  }

  horizon(cycle: number): number {
    return this.host.horizon(cycle);
  }

  settle(cycle: number): Promise<void> | undefined {
    return this.host.settle(cycle);
  }

  idle(cycle: number, deadline: number): number | Promise<number> {
    return this.host.idle(cycle, deadline);
  }

  wallTimeNs(cycle: number): bigint {
    return this.host.wallTimeNs(cycle);
  }
}
