/** The outside world on Deno: disk files, a terminal or pipe, the host's clock and entropy. */
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers";
import { HOST_DEVICE, type HostEvent } from "../../core/host_event.ts";
import {
  type DiskRequest,
  type Host,
  type Input,
  MACHINE_DEVICE,
  type Output,
  type Reseed,
} from "../../core/host.ts";
import { Random, seedFor } from "../../core/random.ts";
import type { NetworkEnd, OpenEnd } from "../host/network_end.ts";
import { NetworkMailbox } from "../host/network_mailbox.ts";
import type { Typist } from "../host/typist.ts";
import type { Timing } from "../virtio/latency.ts";
import type { DiskAnswer, DiskEvent, DiskFile } from "./disk_file.ts";
import { Mailbox } from "./mailbox.ts";
import { stall, STALL_MS } from "./stall.ts";

export interface LiveHostOptions {
  /** `model`: every answer at its due cycle, seeded entropy, a clock that follows the cycle. */
  readonly timing: Timing;
  /** 32 bits, for the entropy of `model` timing. */
  readonly seed: number;
  /** Another seed, which the machine takes at its cycle; that of model entropy changes with it. */
  readonly reseeds?: readonly { readonly cycle: number; readonly seed: number }[];
  /** Backing stores by device. */
  readonly disks?: ReadonlyMap<string, DiskFile>;
  /** Where console output goes; called with what has gathered since the last call. */
  readonly onConsole?: (device: string, bytes: Uint8Array) => void;
  /** Input from a file. */
  readonly typist?: Typist;
  /** Has the event loop look at sockets, which it may put off while there is other work. */
  readonly lookAtSockets?: () => Promise<void>;
  /** Milliseconds of wall time, for tests. */
  readonly nowMs?: () => number;
}

/** An answer that is due at a cycle, or comes when the host has it. */
interface Pending {
  /** 0 in live timing. */
  readonly due: number;
  /** The answer, and before it the host events about it. */
  answer: Input[] | undefined;
  readonly ready: Promise<void> | undefined;
}

/** 2026-01-01, for machines whose clock must be the same in every run. */
const EPOCH_NS = 1_767_225_600_000_000_000n;

/** How far a machine runs before it looks at its mailboxes again. */
const LIVE_SLICE_CYCLES = 100_000;

/** How often the event loop turns: with something live to hear from, and without. */
const LIVE_TURN_MS = 1;
const QUIET_TURN_MS = 50;
/** How long console output gathers, until the machine next comes by; passing it on takes no turn. */
const CONSOLE_MS = 2;
/**
 * Deno looks for signals and sockets every 61 rounds of a loop that has other work, so turns that are
 * far apart take enough of them. One takes 1 to 2 µs; a timer of 0 ms would take 2.1 ms.
 */
const QUIET_TURN_ROUNDS = 128;
/** At its thread pool it may look every 30 rounds only: a busy guest shall not wait for so many turns. */
const ANSWER_TURN_ROUNDS = 64;

/** A timer comes up to 2 ms late; the rest of a wait is spent turning the event loop. */
const TIMER_SLACK_MS = 2.5;
const TIMER_MS_MAX = 1000;

const CYCLES_PER_MS = 1_000_000;

export class LiveHost implements Host {
  readonly #options: LiveHostOptions;
  /** In model timing by due cycle, else in order of arrival; equals in order of submission. */
  readonly #pending: Pending[] = [];
  readonly #mailboxes: Mailbox[] = [];
  readonly #cables: NetworkMailbox[] = [];
  /** By device. */
  readonly #ends = new Map<string, NetworkEnd>();
  readonly #entropy: Random;
  #console: { device: string; pieces: Uint8Array[] } | undefined;
  readonly #nowMs: () => number;
  /** Ascending. */
  readonly #reseeds: { readonly cycle: number; readonly seed: number }[];
  /** About the host as a whole. */
  readonly #events: HostEvent[] = [];
  #inFlight = 0;
  #lastTurnMs: number;
  /** When console output was passed on. */
  #flushedMs: number;
  /** When the machine last came by, or ended a wait. */
  #polledMs = Infinity;
  #wake: (() => void) | undefined;

  constructor(options: LiveHostOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#lastTurnMs = this.#flushedMs = this.#nowMs();
    this.#reseeds = (options.reseeds ?? []).toSorted((a, b) => a.cycle - b.cycle);
    this.#entropy = new Random(seedFor(options.seed, "entropy"));
  }

  /** Attaches a live end to a device's console; it is detached by closing the mailbox. */
  attachConsole(device: string): Mailbox {
    const mailbox = new Mailbox(device, () => this.#arrived());
    this.#mailboxes.push(mailbox);
    return mailbox;
  }

  /** Plugs a cable into a network card. @throws what the end throws that cannot be opened */
  async attachNetwork(device: string, open: OpenEnd): Promise<void> {
    const mailbox = new NetworkMailbox(device, () => this.#arrived());
    this.#cables.push(mailbox);
    this.#ends.set(device, await open(mailbox));
  }

  /** Pulls all cables out: a machine that waits for the network waits no longer. */
  close(): void {
    for (const end of this.#ends.values()) end.close();
    for (const mailbox of this.#cables) mailbox.close("the run ends");
  }

  /** Whether something may come that nobody can foresee. */
  get isLive(): boolean {
    return this.#inFlight > 0 && this.#options.timing === "live" ||
      this.#mailboxes.some((mailbox) => mailbox.isOpen) || this.#isOnline;
  }

  get #isOnline(): boolean {
    return this.#cables.some((mailbox) => mailbox.isOpen);
  }

  /** Passes on all console output that has gathered. */
  flush(): void {
    this.#flushedMs = this.#nowMs();
    if (this.#console === undefined) return;
    const { device, pieces } = this.#console;
    this.#console = undefined;
    this.#options.onConsole?.(device, pieces.length === 1 ? pieces[0] : joined(pieces));
  }

  output(cycle: number, device: string, output: Output): void {
    switch (output.kind) {
      case "console":
        this.#options.typist?.watch(cycle, device, output.bytes);
        if (this.#options.onConsole === undefined) return;
        if (this.#console?.device !== device) this.flush();
        this.#console ??= { device, pieces: [] };
        this.#console.pieces.push(output.bytes.slice());
        return;
      case "disk": {
        const { request, due } = output;
        const disk = this.#options.disks?.get(device);
        const answer = disk === undefined ? absent(output) : disk.serve(output);
        return this.#promise(due, answer, ({ events = [], ...it }, lateMs) => [
          ...(lateMs > STALL_MS ? [stall(lateMs, device, request)] : []),
          ...events.map((event) => hostEvent(device, event)),
          { device, kind: "disk", request, ...it },
        ]);
      }
      case "frame":
        return this.#ends.get(device)?.send(output.bytes);
      case "entropy": {
        const { request, sizeBytes, due } = output;
        const bytes = this.#options.timing === "model"
          ? this.#entropy.bytes(sizeBytes)
          : new Uint8Array(randomBytes(sizeBytes));
        return this.#insert({
          due: due ?? 0,
          answer: [{ device, kind: "entropy", request, bytes }],
          ready: undefined,
        });
      }
    }
  }

  take(cycle: number): Input | undefined {
    const event = this.#events.shift();
    if (event !== undefined) return event;
    const first = this.#pending[0];
    if (first?.answer !== undefined && first.due <= cycle) {
      if (first.answer.length === 1) this.#pending.shift();
      return first.answer.shift();
    }
    const planned = this.#reseed(cycle) ?? this.#options.typist?.take(cycle);
    if (planned !== undefined) return planned;
    for (const mailbox of [...this.#mailboxes, ...this.#cables]) {
      const input = mailbox.take(cycle);
      if (input !== undefined) return input;
    }
    return undefined;
  }

  /** Each request ends the machine's slice, so nothing can come before the next call but this. */
  horizon(cycle: number): number {
    const slice = this.isLive ? cycle + LIVE_SLICE_CYCLES : Infinity;
    return Math.max(cycle + 1, Math.min(slice, this.#scheduled(), this.#arrival()));
  }

  settle(cycle: number): Promise<void> | undefined {
    const nowMs = this.#nowMs();
    this.#notice(nowMs - this.#polledMs);
    this.#polledMs = nowMs;
    if (nowMs - this.#flushedMs >= CONSOLE_MS) this.flush();
    const late = this.#pending.filter((it) => it.answer === undefined && it.due <= cycle);
    if (this.#options.timing === "model" && late.length > 0) {
      return Promise.all(late.map(({ ready }) => ready)).then(() => {
        this.#polledMs = this.#nowMs();
      });
    }
    const quietMs = nowMs - this.#lastTurnMs;
    const { isLive } = this;
    if (quietMs < (isLive ? LIVE_TURN_MS : QUIET_TURN_MS)) return undefined;
    return this.#turn(isLive ? this.#inFlight > 0 ? ANSWER_TURN_ROUNDS : 1 : QUIET_TURN_ROUNDS);
  }

  idle(cycle: number, deadline: number): number | Promise<number> {
    if (this.#hasInput(cycle)) return cycle;
    // What is on the wire has been waited for.
    const until = Math.min(deadline, this.#scheduled(), this.#arrival());
    if (until === this.#arrival() && until < Infinity) return until;
    return this.isLive ? this.#wait(cycle, until) : until;
  }

  wallTimeNs(cycle: number): bigint {
    if (this.#options.timing === "model") return EPOCH_NS + BigInt(cycle);
    return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  }

  /** The next cycle at which an input is known to come. */
  #scheduled(): number {
    const due = this.#pending[0]?.due ?? Infinity;
    const next = this.#options.timing === "model" || this.#pending[0]?.answer ? due : Infinity;
    const { typist } = this.#options;
    return Math.min(next, typist?.next ?? Infinity, this.#reseeds[0]?.cycle ?? Infinity);
  }

  #reseed(cycle: number): Reseed | undefined {
    if (!(this.#reseeds[0]?.cycle <= cycle)) return undefined;
    const { seed } = this.#reseeds.shift()!;
    this.#entropy.state = seedFor(seed, "entropy");
    return { device: MACHINE_DEVICE, kind: "reseed", seed };
  }

  /** When the next frame is through its wire. */
  #arrival(): number {
    return this.#cables.reduce((cycle, { next }) => Math.min(cycle, next), Infinity);
  }

  #hasInput(cycle: number): boolean {
    return Math.min(this.#scheduled(), this.#arrival()) <= cycle ||
      this.#mailboxes.some((mailbox) => !mailbox.isEmpty);
  }

  /** Waits in wall time for input, for `until`, or for the last live end to go. */
  async #wait(cycle: number, until: number): Promise<number> {
    this.flush();
    const startMs = this.#nowMs();
    for (;;) {
      this.#polledMs = this.#nowMs();
      const now = cycle + Math.floor((this.#polledMs - startMs) * CYCLES_PER_MS);
      this.#notice((now - until) / CYCLES_PER_MS);
      if (this.#hasInput(Math.min(now, until))) return Math.min(now, until);
      if (now >= until || !this.isLive) return until;
      const restMs = Math.min((until - now) / CYCLES_PER_MS, TIMER_MS_MAX);
      if (restMs < TIMER_SLACK_MS) await this.#turn();
      else await this.#arrivalOr(restMs - TIMER_SLACK_MS);
    }
  }

  /** The machine should have gone on so long ago. */
  #notice(lateMs: number): void {
    if (lateMs > STALL_MS) this.#events.push(stall(lateMs, MACHINE_DEVICE));
  }

  #arrivalOr(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #arrived(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async #turn(rounds = 1): Promise<void> {
    this.flush();
    if (this.#isOnline) await this.#options.lookAtSockets?.();
    const { length } = this.#pending;
    // An answer ends it: the machine shall have it.
    for (let round = 0; round < rounds && this.#pending.length === length; round++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#lastTurnMs = this.#nowMs();
  }

  #promise(
    due: number | undefined,
    answer: DiskAnswer | Promise<DiskAnswer>,
    inputs: (answer: DiskAnswer, lateMs: number) => Input[],
  ): void {
    if (!(answer instanceof Promise)) {
      return this.#insert({ due: due ?? 0, answer: inputs(answer, 0), ready: undefined });
    }
    this.#inFlight++;
    const startMs = this.#nowMs();
    const arrival = answer.then((it) => {
      this.#inFlight--;
      const all = inputs(it, this.#nowMs() - startMs);
      if (due === undefined) this.#insert({ due: 0, answer: all, ready: undefined });
      else pending.answer = all;
      this.#arrived();
    });
    const pending: Pending = { due: due ?? 0, answer: undefined, ready: arrival };
    if (due !== undefined) this.#insert(pending);
  }

  #insert(pending: Pending): void {
    let index = this.#pending.length;
    while (index > 0 && this.#pending[index - 1].due > pending.due) index--;
    this.#pending.splice(index, 0, pending);
  }
}

function absent({ request, operation }: DiskRequest): DiskAnswer {
  const error = "ENXIO";
  const text = `${operation}: the host has nothing behind this disk`;
  return { error, events: [{ event: "io-error", request, error, text }] };
}

function hostEvent(concerns: string, event: DiskEvent): HostEvent {
  return { device: HOST_DEVICE, kind: "host", concerns, ...event };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const piece of pieces) {
    all.set(piece, filled);
    filled += piece.length;
  }
  return all;
}
