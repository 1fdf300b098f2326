/** A whole machine: harts, memory, bus, devices, scheduler. A pure function of its options and its inputs. */
import type { BuildBoard } from "./device.ts";
import type { Host, PowerOutput } from "./host.ts";

/** What a machine starts from. */
export interface MachineOptions {
  /** DRAM at 0x8000_0000; a multiple of 1 MiB, at most 8 GiB. */
  readonly memoryBytes: number;
  /** 1 to 8. */
  readonly harts: number;
  /** 32 bits: the scheduler's quanta and everything else that is chosen. */
  readonly seed: number;
  readonly host: Host;
  readonly buildBoard: BuildBoard;
  /** Read-only memory at 0x1000, at most 0xf000 bytes; every hart starts at its first byte. */
  readonly rom: Uint8Array;
  /** What RAM holds at reset, at guest-physical addresses. */
  readonly images: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  /** Called with each digest, at every multiple of 10 million cycles. */
  readonly onDigest?: (cycle: number, digest: string) => void;
  /** For tests of determinism: no guest can see any of these. */
  readonly engine?: {
    /** Entries per TLB, a power of two from 1 to 256; 256 by default. */
    readonly tlbEntries?: number;
    /** Flush every TLB whenever this many cycles have passed. */
    readonly flushEveryCycles?: number;
  };
}

/** Why a machine stopped running. */
export type Stop =
  | { readonly reason: "until" }
  | { readonly reason: "power"; readonly power: PowerOutput }
  /** Every hart waits, no timer is armed and no input can come any more. */
  | { readonly reason: "stuck" };

/** A running machine. */
export interface MachineShape {
  /** Now: the number of cycles since reset. */
  readonly cycle: number;
  /** Runs until a cycle or until the guest turns itself off. */
  run(until: number): Promise<Stop>;
  /** 16 hexadecimal digits over all canonical state. */
  digest(): string;
}
