/**
 * What is done to a machine from outside that no host could do by answering it: to see what the guest
 * makes of it. It is an input, so that it stands in the log and a replay needs no plan.
 *
 * The host event that says so in words has the same `request`, and precedes it.
 */

/** The devices that faults reach by these names. */
export const CLINT_DEVICE = "clint";
export const PLIC_DEVICE = "plic";

/** How an interrupt goes wrong. */
export const INTERRUPT_FAULTS = ["spurious", "lost", "late"] as const;

export type Fault =
  /** A bit of RAM is flipped. Of the machine. */
  | {
    readonly fault: "flip";
    /** Guest-physical. */
    readonly address: number;
    /** 0 to 7. */
    readonly bit: number;
  }
  /** A hart does nothing until a cycle. Of the machine. */
  | { readonly fault: "withhold"; readonly hart: number; readonly until: number }
  /** `mtime` moves by so many ticks, forward or back. Of the {@link CLINT_DEVICE}. */
  | { readonly fault: "jump"; readonly ticks: bigint }
  /** Of the {@link PLIC_DEVICE}. */
  | {
    readonly fault: "interrupt";
    /** From 1. */
    readonly source: number;
    /**
     * `spurious`: a request that no device makes. `lost`: the next one that a device makes is
     * forgotten. `late`: none is forwarded before `until`.
     */
    readonly how: typeof INTERRUPT_FAULTS[number];
    /** A cycle; of `late` alone. */
    readonly until?: number;
  };

export type FaultName = Fault["fault"];

/** A fault as an input. */
export type FaultInput = Fault & {
  readonly device: string;
  readonly kind: "fault";
  /** The number of its host event. */
  readonly request: number;
};
