/** What a device model offers to the bus, and the few things that it may touch in return. */
import type { Input, Output } from "./host.ts";
import type { State } from "./state.ts";

/** Access width in bytes. */
export type Width = 1 | 2 | 4 | 8;

/** A memory-mapped device model. It touches its {@link DevicePorts} and nothing else. */
export interface Device {
  /** Unique in its machine, e.g. `uart0`; names the device in the log and in error messages. */
  readonly id: string;
  /** Bytes of address space that its registers take. */
  readonly sizeBytes: number;
  /** The widths that its registers take; any other width is an access fault of the guest. */
  readonly widths: readonly Width[];
  /**
   * A guest load of an aligned register.
   * @param offset bytes from the device's base, a multiple of `width`, below `sizeBytes`
   * @param width 1, 2 or 4: an 8-byte access comes as two of 4 bytes, the low half first
   * @returns an unsigned value of that width
   */
  read(offset: number, width: Width): number;
  /** A guest store; parameters as in {@link read}; `value` is unsigned. */
  write(offset: number, width: Width, value: number): void;
  /** Something arrived from the host for this device. Absent: the device takes no input. */
  input?(input: Input): void;
  /** What it chooses follows from this seed from now on: 32 bits, its own. Absent: it chooses nothing. */
  reseed?(seed: number): void;
  /** The cycle of the next thing that it does by itself; `Infinity` if none. Absent: never. */
  deadline?(): number;
  /** Called at its deadline's cycle, before any hart acts in that cycle. */
  tick?(): void;
  /** Canonical state: everything that a later guest-visible answer depends on. */
  save(): State;
  /** What a digest takes in place of {@link save} where that is large: hashes stand for bulk content. Absent: `save`. */
  summary?(): State;
  /** Takes back what {@link save} gave; touches no other device. Throws on an unknown version. */
  restore(state: State): void;
}

/** A level-triggered line to an interrupt controller or hart. Setting the same level again is free. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Guest RAM as a DMA master sees it. Addresses are guest-physical; any number is safe to pass. */
export interface GuestMemory {
  /** The bytes themselves, or `undefined` if any lies outside RAM. Read at once, never keep or write. */
  view(address: number, sizeBytes: number): Uint8Array | undefined;
  /** Stores the bytes (and everything that follows: dirty marks, code, reservations). False: outside RAM, nothing stored. */
  write(address: number, bytes: Uint8Array): boolean;
}

/** The machine's time. */
export interface Clock {
  /** The cycle of the access that is being served. */
  cycle(): number;
  /** Ticks of the 10 MHz timebase, `mtime`: cycle / 100 + offset. */
  mtime(): bigint;
  /** Moves `mtime` by writing it, as the guest may through the CLINT. */
  setMtime(value: bigint): void;
  /** The cycle at which `mtime` first reaches `value`; `Infinity` if it never will. */
  cycleOfMtime(value: bigint): number;
  /** Nanoseconds since 1970 by the host's calendar: an input, so it is logged. */
  wallTimeNs(): bigint;
}

/** All that a device may touch. */
export interface DevicePorts {
  readonly irq: IrqLine;
  readonly memory: GuestMemory;
  readonly clock: Clock;
  /** Sends something to the host's side. */
  output(output: Output): void;
  /** See {@link ReportBreach}; absent: nobody wants to know. */
  readonly breach?: ReportBreach;
  /** See {@link ReportFrame}; absent: nobody wants to know. */
  readonly frameDone?: ReportFrame;
}

/**
 * The guest broke a rule that the device states: for people, never part of the machine's state.
 * @param rule where it stands, such as `VIRTIO 1.2, 2.7.6.1`
 * @param text what the guest did, one line
 */
export type ReportBreach = (rule: string, text: string) => void;

/**
 * A network card is done with a frame from the wire: for people, never part of the machine's state.
 * @param index of those that came before, how many it still has
 * @param dropped why the guest never gets it, in a word; `undefined`: it has it
 */
export type ReportFrame = (index: number, dropped: string | undefined) => void;

/** The interrupt lines of a hart that devices drive. Source: privileged specification, mip. */
export type HartLine = "MSIP" | "MTIP" | "SEIP" | "MEIP";

/** What a board gets to build its devices with. */
export interface BoardPorts {
  readonly memory: GuestMemory;
  readonly clock: Clock;
  /** @param hart from 0 */
  hartIrq(hart: number, line: HartLine): IrqLine;
  /** Sends something to the host's side on behalf of the named device. */
  output(device: string, output: Output): void;
  /** As {@link DevicePorts} have it, of the named device. */
  breach?(device: string, rule: string, text: string): void;
  frameDone?(device: string, index: number, dropped: string | undefined): void;
}

/** A device at its address. */
export interface Attachment {
  /** Guest-physical, below 4 GiB. */
  readonly base: number;
  readonly device: Device;
}

/** Builds the devices of a machine; the bus refuses overlaps. */
export type BuildBoard = (ports: BoardPorts) => readonly Attachment[];
