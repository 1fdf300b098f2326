/** A recorded machine that runs again, and otherwise: what it asks the host for comes from the recording. */
import type { FaultInput } from "../../core/fault.ts";
import type { HostEvent } from "../../core/host_event.ts";
import type { ThreadCompiler } from "../../devices/deno/compiler.ts";
import { openCompiler } from "../compiler.ts";
import type { GuestSpec } from "../../devices/deno/lab_machine.ts";
import { LabHost } from "../../devices/network/lab_host.ts";
import { CounterfactualHost } from "../../replay/counterfactual_host.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { ForkedMachine } from "../../replay/fork.ts";
import { type HartFault, hartFault } from "../../replay/faults/hart.ts";
import { isOfNetwork } from "../../replay/input_check.ts";
import type { LogEntry } from "../../replay/log.ts";
import { Player } from "../../replay/player.ts";
import { Requests } from "../../replay/recorded_answers.ts";
import { eventEntries, type EventEntry, removalOf, withPending } from "../../replay/removal.ts";
import type { OpenGuest } from "../recorded_lab.ts";
import { bootFiles, opened } from "../recording_file.ts";
import type { TrialMachine } from "./machine.ts";

/** What shall be other than recorded. */
export interface Otherwise {
  readonly without: readonly EventEntry[];
  /** Events that take more time from a hart. */
  readonly longer: readonly { readonly event: EventEntry; readonly theft: HartFault }[];
}

export class RecordedMachine implements TrialMachine {
  readonly spec: GuestSpec;
  /** What its host did to it that can be taken away. */
  readonly events: readonly EventEntry[];
  /** All that came in, but for the network. */
  readonly #entries: readonly LogEntry[];
  /** After the fork. */
  #requests!: Requests;
  #last: CounterfactualHost | undefined;

  private constructor(
    readonly recorded: OpenGuest,
    readonly forked: ForkedMachine,
    readonly compiler: ThreadCompiler,
  ) {
    const { name, config, images, log, nics } = recorded;
    this.spec = { name, config, files: bootFiles(images), disks: [] };
    const devices = new Set(nics.map(({ device }) => device));
    this.#entries = withPending(log.entries.filter((entry) => !isOfNetwork(entry, devices)));
    this.events = eventEntries(this.#entries).filter((event) =>
      event.effect !== undefined && removalOf([event], this.#entries).missing === undefined
    );
  }

  /** At reset. */
  static async open(recorded: OpenGuest): Promise<RecordedMachine> {
    const compiler = openCompiler();
    const { path } = recorded;
    const { build } = await opened(path, recorded, { compiler: (shape) => compiler.open(shape) });
    return new RecordedMachine(recorded, await ForkedMachine.create(build), compiler);
  }

  /** As recorded, but for the network. */
  host(): LabHost {
    return new LabHost(new Player({ entries: this.#entries }));
  }

  /** The time that an event took from a hart, if that is what it did. */
  theft(event: EventEntry): HartFault | undefined {
    const entry = this.#entries[event.effect!];
    if (entry.kind !== "input" || entry.input.kind !== "fault") return undefined;
    const { cycle: at, input } = entry;
    if (input.fault !== "withhold") return undefined;
    return { at, hart: input.hart, for: input.until - at };
  }

  /** From the fork on, for a network that may do other things than it did. */
  otherwise(from: number, { without, longer }: Otherwise): LabHost {
    const requests = this.#requests;
    const entries = longer.reduce((all, it) => lengthened(all, it), this.#entries);
    const removal = removalOf(without, entries);
    this.#last = new CounterfactualHost({ entries, from, requests, removal });
    return new LabHost(this.#last);
  }

  /** Whether the last run asked for a block of a disk that the recording does not hold. */
  get lacksBlocks(): boolean {
    return this.#last?.unknown !== undefined;
  }

  /**
   * Learns from the fork on what is asked of the host, by replaying.
   * @throws DivergenceError if the replay does not come to the recorded end
   */
  async learn(from: number): Promise<void> {
    const { log } = this.recorded;
    const player = new Player(log, {
      onOutput: (cycle, device, output) => this.#requests.output(cycle, device, output),
    });
    player.rewind(from);
    this.forked.restart(player);
    const { machine } = this.forked;
    this.#requests = new Requests(machine.save());
    await machine.run(log.endCycle);
    const [expected, digest] = [log.digests.at(-1)?.digest, machine.digest()];
    if (log.end.reason !== "cut" && digest !== expected) {
      throw new DivergenceError(machine.cycle, this.spec.name, `digest ${expected}`, digest);
    }
  }

  close(): void {
    this.compiler.close();
  }
}

/** The log with another theft in place of an event's. */
function lengthened(
  entries: readonly LogEntry[],
  { event: { event, index, effect }, theft }: Otherwise["longer"][number],
): readonly LogEntry[] {
  const { device, text, fault } = hartFault(theft);
  const input: HostEvent = { ...event, text };
  const done: FaultInput = { ...fault, device, kind: "fault", request: event.request! };
  return entries
    .with(index, { ...entries[index], kind: "input", input })
    .with(effect!, { ...entries[effect!], kind: "input", input: done });
}
