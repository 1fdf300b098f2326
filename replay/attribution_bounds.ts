/**
 * What a guest has to bear of a host that does nothing wrong, by what hosts and devices are specified
 * and built to. Whoever breaks under no more than this has a bug of its own; beyond it the host is at
 * fault. In cycles, which are nanoseconds.
 */
import type { Input } from "../core/host.ts";

/**
 * Of a hart that is withheld, of a clock that goes on without it, and of whatever a thread of the host
 * hands on: interrupts, keys, entropy.
 * The privileged specification (3.1.9) has interrupts evaluated "in a bounded amount of time" and gives
 * no number. What bounds a thread of the host is its scheduler: it decides anew at every tick, at the
 * longest 10 ms (Linux, kernel/Kconfig.hz, HZ_100), and a hypervisor lets no other guest run for longer
 * at a stretch (Xen, credit2, CSCHED2_MAX_TIMER).
 */
const TURN_CYCLES = 10_000_000;

/**
 * Of a disk's answer. VIRTIO gives none; Linux holds a rotating disk for overloaded whose reads take
 * longer (block/blk-wbt.c, `wbt_default_latency_nsec`: 75 ms).
 */
const DISK_CYCLES = 75_000_000;

/** How late this may come. */
export function legalDelayCycles({ kind }: Pick<Input, "kind">): number {
  return kind === "disk" ? DISK_CYCLES : TURN_CYCLES;
}

/**
 * Whether the driver behind an interrupt source has to bear a request without a cause. "The driver MUST
 * handle spurious notifications from the device" (VIRTIO 1.2, 2.7.7.1). A device with a wire asks or does
 * not, and the gateway forwards nothing else (PLIC 1.0.0, Interrupt Gateways).
 */
export function bearsSpurious(source: number, virtioSources: ReadonlySet<number>): boolean {
  return virtioSources.has(source);
}
