/** The hosts of a machine that moves about in time. */
import type { Host, Output } from "../core/host.ts";
import { ForwardingHost } from "./forwarding_host.ts";

/** A host that can go back. */
export interface SeekableHost extends Host {
  /** The machine was put back to the state before the inputs of this cycle. */
  rewind(cycle: number): void;
  /** A checkpoint was taken at this cycle: {@link rewind} may name it. */
  mark?(cycle: number): void;
}

/** What a machine is connected to for its whole life, while the host behind it changes. */
export class Seam extends ForwardingHost {
  /** Sees all that leaves the machine. */
  onOutput: ((cycle: number, device: string, output: Output) => void) | undefined;

  constructor(override host: SeekableHost) {
    super();
  }

  override output(cycle: number, device: string, output: Output): void {
    this.onOutput?.(cycle, device, output);
    super.output(cycle, device, output);
  }
}
