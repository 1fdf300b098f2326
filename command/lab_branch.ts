/** What a recorded lab would have done, had its network been another one from a cycle on. */
import xxhash from "xxhash-wasm";
import { DIGEST_CYCLES, type Machine, type Stop } from "../core/machine.ts";
import type { FabricConfig } from "../devices/network/config.ts";
import { Fabric } from "../devices/network/fabric.ts";
import { Lab } from "../devices/network/lab.ts";
import { LabGuest, type TurnEnd } from "../devices/network/lab_guest.ts";
import { LabHost, type SentFrame } from "../devices/network/lab_host.ts";
import { LocalCrew } from "../devices/network/local_crew.ts";
import type { LabBranch, LinkChange } from "../debugger/lab.ts";
import { type Checkpoint, CheckpointedMachine } from "../replay/checkpoint.ts";
import { CounterfactualHost } from "../replay/counterfactual_host.ts";
import { ForkHost } from "../replay/fork.ts";
import { isOfNetwork } from "../replay/input_check.ts";
import { LabCheck } from "../replay/lab_check.ts";
import { isNoted, type LabEvent, type NotedEvent } from "../replay/lab_log.ts";
import type { Log } from "../replay/log.ts";
import { LogCheck } from "../replay/log_check.ts";
import { MemoryLog } from "../replay/memory_log.ts";
import { OutputHash } from "../replay/outputs.ts";
import { PageStore } from "../replay/pages.ts";
import { Player } from "../replay/player.ts";
import { Requests } from "../replay/recorded_answers.ts";
import { Recorder } from "../replay/recorder.ts";
import { removalOf, withPending } from "../replay/removal.ts";
import { changedNetwork } from "./lab_changes.ts";
import type { OpenGuest, OpenLab } from "./recorded_lab.ts";
import { reachOf } from "./replay_lab.ts";
import { hasFailed } from "./run_lab.ts";
import { retired } from "./run_machine.ts";

/** Between two looks at the signal. */
const SLICE_CYCLES = 20_000_000;

/**
 * Replays all guests, and goes on from the first of the changes until a guest fails, all have ended,
 * or where the recording ends.
 * @param turn lets the event loop turn, so that the signal can fire
 * @throws RangeError for a change that cannot be
 * @throws DivergenceError if a replay is not the recording
 * @throws the signal's reason if it fires
 */
export async function branchLab(
  lab: OpenLab,
  changes: readonly LinkChange[],
  { turn, signal }: { readonly turn: () => Promise<void>; readonly signal?: AbortSignal },
): Promise<LabBranch> {
  const network = changedNetwork(lab.fabric, changes);
  const from = changes[0].at;
  const pause = async () => {
    await turn();
    signal?.throwIfAborted();
  };
  const hash = new OutputHash(await xxhash());
  const guests: BranchingGuest[] = [];
  for (const guest of lab.guests) {
    guests.push(await BranchingGuest.learn(guest, { from, hash, pause }));
  }
  const branch = new Branching(lab, network, from, guests);
  return { from, changes, ...await branch.run(pause) };
}

/** The lab from the cycle on. */
class Branching {
  readonly #events: NotedEvent[] = [];
  readonly #sentAt = new Map<string, number>();
  readonly #ends = new Map<number, TurnEnd>();
  readonly #fabric: Fabric;

  constructor(
    readonly lab: OpenLab,
    network: FabricConfig,
    readonly from: number,
    readonly guests: readonly BranchingGuest[],
  ) {
    const check = new LabCheck(lab.log);
    this.#fabric = new Fabric(network, (event: LabEvent) => {
      if (event.cycle < from) check.event(event);
      else if (isNoted(event)) this.#events.push(event);
    });
    this.#sendAgain();
    this.#fabric.advance(from);
    check.reached(from);
  }

  async run(pause: () => Promise<void>): Promise<Omit<LabBranch, "from" | "changes">> {
    const { lab, from, guests } = this;
    const counts = new Map<string, number>();
    for (const id of this.#sentAt.keys()) count(counts, id.slice(0, id.indexOf(">")));
    const running = new Lab({
      fabric: this.#fabric,
      members: lab.guests,
      crew: new LocalCrew(this.#begin()),
      meetEvery: DIGEST_CYCLES,
      onTurn: (end) => {
        const { name } = lab.guests[end.guest];
        for (const { cycle, device } of end.sent) {
          const card = `${name}/${device}`;
          this.#sentAt.set(`${card}>${count(counts, card)}`, cycle);
        }
        if (end.stop) this.#ends.set(end.guest, end);
      },
    });
    running.resume(from, guests.map(({ isOver }) => isOver));
    const until = reachOf(lab);
    const hasStopped = () => [...this.#ends.values()].some(hasFailed);
    while (running.cycle < until) {
      await pause();
      const next = Math.min(until, running.cycle + SLICE_CYCLES);
      if (await running.run(next, { isOver: hasStopped }) !== "until" || hasStopped()) break;
    }
    return {
      end: running.cycle,
      logs: new Map(guests.map((guest, number) => [
        guest.recorded.name,
        guest.finish(this.#ends.get(number)?.stop),
      ])),
      sentAt: this.#sentAt,
      events: this.#events,
      unknown: guests.flatMap(({ recorded, unknown }) =>
        unknown === undefined ? [] : [`${recorded.name} waits for ever: ${unknown}`]
      ),
    };
  }

  #begin(): Map<number, LabGuest> {
    return new Map(
      this.guests.flatMap((guest, number) => guest.isOver ? [] : [[number, guest.begin()]]),
    );
  }

  /** All frames of before, as the network got them. */
  #sendAgain(): void {
    for (const { recorded: { name, nics, log }, sent, isOver } of this.guests) {
      for (const { device, nic } of nics) {
        sent.filter((frame) => frame.device === device).forEach(({ cycle, bytes }, n) => {
          this.#fabric.send(cycle, nic, bytes);
          this.#sentAt.set(`${name}/${device}>${n}`, cycle);
        });
        if (isOver) this.#fabric.end(log.endCycle, nic);
      }
    }
  }
}

/** @returns how many there were before */
function count(counts: Map<string, number>, key: string): number {
  const before = counts.get(key) ?? 0;
  counts.set(key, before + 1);
  return before;
}

interface LearnOptions {
  readonly from: number;
  readonly hash: OutputHash;
  readonly pause: () => Promise<void>;
}

/** A guest at the cycle, with what it sent before and what it asked of its host after. */
class BranchingGuest {
  /** Before the cycle. */
  readonly sent: SentFrame[] = [];
  readonly #log = new MemoryLog();
  readonly #host = new ForkHost();
  #machine!: Machine;
  #checkpointed!: CheckpointedMachine;
  #checkpoint: Checkpoint | undefined;
  #requests: Requests | undefined;
  #counterfactual: CounterfactualHost | undefined;
  #recorder: Recorder | undefined;

  private constructor(readonly recorded: OpenGuest, readonly options: LearnOptions) {}

  /** Replays it, from its own log alone. */
  static async learn(recorded: OpenGuest, options: LearnOptions): Promise<BranchingGuest> {
    const guest = new BranchingGuest(recorded, options);
    const machine = await recorded.build(
      guest.#host,
      (cycle, digest) => guest.#host.onDigest?.(cycle, digest),
    );
    guest.#machine = machine;
    const store = new PageStore();
    guest.#checkpointed = new CheckpointedMachine(
      machine,
      store,
      store.zero(recorded.config.memoryBytes),
    );
    await guest.#replay();
    return guest;
  }

  /** It had ended before the cycle. */
  get isOver(): boolean {
    return this.recorded.log.endCycle <= this.options.from;
  }

  /** Why it could not go on. */
  get unknown(): string | undefined {
    return this.#counterfactual?.unknown;
  }

  /** Puts it back to the cycle, on a host that answers as the recorded one did. */
  begin(): LabGuest {
    const { from, hash } = this.options;
    const { log, name, nics } = this.recorded;
    const devices = new Set(nics.map(({ device }) => device));
    const entries = withPending(log.entries.filter((entry) => !isOfNetwork(entry, devices)));
    const requests = this.#requests!;
    const removal = removalOf([], entries);
    this.#counterfactual = new CounterfactualHost({ entries, from, requests, removal });
    const host = new LabHost(this.#counterfactual);
    const after = {
      firstCycle: 0,
      lastCycle: from,
      entries: log.entries.filter(({ cycle }) => cycle < from),
      outputs: [],
      digests: log.digests.filter(({ cycle }) => cycle <= from),
    };
    this.#log.part(after);
    const recorder = new Recorder({ host, sink: this.#log, hash, machine: name, after });
    this.#recorder = recorder;
    this.#host.host = recorder;
    this.#host.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
    this.#checkpointed.restore(this.#checkpoint!);
    return new LabGuest(this.#machine, host);
  }

  /** @param stop how it ended, if it did */
  finish(stop: Extract<Stop, { reason: "power" }> | undefined): Log {
    if (this.isOver) return this.recorded.log;
    const machine = this.#machine;
    this.#recorder!.finish(machine.digest(), {
      endCycle: machine.cycle,
      end: stop ?? { reason: "until" },
      instructions: retired(machine, this.recorded.config.harts),
    });
    return this.#log.log();
  }

  async #replay(): Promise<void> {
    const { log, outputHash } = this.recorded;
    const { from } = this.options;
    const check = new LogCheck(log, outputHash);
    this.#host.onDigest = (cycle, digest) => check.digest(cycle, digest);
    this.#host.host = new Player(log, {
      onOutput: (cycle, device, output) => {
        check.output(cycle, device, output);
        this.#requests?.output(cycle, device, output);
        if (output.kind !== "frame" || cycle >= from) return;
        this.sent.push({ cycle, device, bytes: output.bytes.slice() });
      },
    });
    await this.#runTo(Math.min(from, log.endCycle));
    if (this.isOver) return;
    this.#checkpoint = this.#checkpointed.save(0);
    this.#requests = new Requests(this.#machine.save());
    await this.#runTo(log.endCycle);
  }

  async #runTo(cycle: number): Promise<void> {
    while (this.#machine.cycle < cycle) {
      await this.options.pause();
      await this.#machine.run(Math.min(cycle, this.#machine.cycle + SLICE_CYCLES));
    }
  }
}
