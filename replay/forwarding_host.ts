/** A host that stands between a machine and another host, which may change. */
import type { Host, Input, Output } from "../core/host.ts";

export abstract class ForwardingHost implements Host {
  abstract host: Host;

  output(cycle: number, device: string, output: Output): void {
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
