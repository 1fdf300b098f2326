/** What a machine starts from, and what of it is out of range. */
import type { BuildBoard } from "./device.ts";
import type { CreateCompiler } from "./hart/engine.ts";
import { ROM_BYTES, TLB_ENTRIES_MAX } from "./hart/layout.ts";
import type { Host } from "./host.ts";

const MIB = 1024 * 1024;
/** Of `jitThreshold`. */
export const JIT_THRESHOLD_MAX = 2 ** 24;

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
    /**
     * Jumps to an instruction after which its page is compiled: a power of two up to 2^24, or 0 for
     * an interpreter alone.
     */
    readonly jitThreshold?: number;
    /** Look for breaches of what the manuals oblige software to: see `core/contract/`. */
    readonly linting?: boolean;
    /** Makes what compiles hot pages: a thread of its own, where the host has threads. */
    readonly compiler?: CreateCompiler;
  };
}

/** @throws RangeError if an option is out of range */
export function checkOptions({ memoryBytes, harts, rom, engine }: MachineOptions): void {
  if (!Number.isInteger(harts) || harts < 1 || harts > 8) {
    throw new RangeError(`A machine has 1 to 8 harts, not ${harts}`);
  }
  if (memoryBytes % MIB !== 0 || memoryBytes < MIB || memoryBytes > 8192 * MIB) {
    throw new RangeError(
      `Memory of ${memoryBytes} bytes: it must be a multiple of 1 MiB, from 1 MiB to 8 GiB`,
    );
  }
  if (rom.length > ROM_BYTES) {
    throw new RangeError(`The ROM has ${rom.length} bytes; at most ${ROM_BYTES} fit`);
  }
  const entries = engine?.tlbEntries ?? TLB_ENTRIES_MAX;
  if (!isPowerOfTwo(entries, TLB_ENTRIES_MAX)) {
    throw new RangeError(
      `A TLB has a power of two of entries, from 1 to ${TLB_ENTRIES_MAX}, not ${entries}`,
    );
  }
  const threshold = engine?.jitThreshold ?? 0;
  if (threshold !== 0 && !isPowerOfTwo(threshold, JIT_THRESHOLD_MAX)) {
    throw new RangeError(
      `A jitThreshold is 0 or a power of two, at most ${JIT_THRESHOLD_MAX}, not ${threshold}`,
    );
  }
}

function isPowerOfTwo(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max && (value & (value - 1)) === 0;
}
