/** A guest of a recorded lab that runs again, and otherwise: what it asks the host for comes from the recording. */
import { ThreadCompiler } from "../../devices/deno/compiler.ts";
import type { GuestSpec } from "../../devices/deno/lab_machine.ts";
import { LabHost } from "../../devices/network/lab_host.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { ForkedMachine } from "../../replay/fork.ts";
import { isOfNetwork } from "../../replay/input_check.ts";
import type { LogEntry } from "../../replay/log.ts";
import { Player } from "../../replay/player.ts";
import { RecordedBlocks, RecordedHost } from "../../replay/recorded_host.ts";
import type { OpenGuest } from "../recorded_lab.ts";
import { bootFiles, opened } from "../recording_file.ts";
import type { TrialMachine } from "./machine.ts";

export class RecordedMachine implements TrialMachine {
  readonly spec: GuestSpec;
  readonly #entries: readonly LogEntry[];
  readonly #blocks = new RecordedBlocks();
  #last: RecordedHost | undefined;

  private constructor(
    readonly recorded: OpenGuest,
    readonly forked: ForkedMachine,
    readonly compiler: ThreadCompiler,
  ) {
    const { name, config, images, log, nics } = recorded;
    this.spec = { name, config, files: bootFiles(images), disks: [] };
    const devices = new Set(nics.map(({ device }) => device));
    this.#entries = log.entries.filter((entry) => !isOfNetwork(entry, devices));
  }

  /** At reset. */
  static async open(recorded: OpenGuest): Promise<RecordedMachine> {
    const compiler = new ThreadCompiler();
    const { path } = recorded;
    const { build } = await opened(path, recorded, { compiler: (shape) => compiler.open(shape) });
    return new RecordedMachine(recorded, await ForkedMachine.create(build), compiler);
  }

  /** As recorded, but for the network. */
  host(): LabHost {
    return new LabHost(new Player({ entries: this.#entries }));
  }

  /** From the fork on, for a network that may do other things than it did. */
  otherwise(from: number): LabHost {
    const [entries, blocks] = [this.#entries, this.#blocks];
    this.#last = new RecordedHost({ entries, from, blocks });
    return new LabHost(this.#last);
  }

  /** Whether the last run asked for a block of a disk that the recording does not hold. */
  get lacksBlocks(): boolean {
    return this.#last?.unknown !== undefined;
  }

  /**
   * Learns from the fork on what the disks hold, by replaying.
   * @throws DivergenceError if the replay does not come to the recorded end
   */
  async learn(from: number): Promise<void> {
    const { log } = this.recorded;
    const reads = new Map<string, number>();
    const player = new Player(log, {
      onOutput: (_cycle, device, output) => {
        if (output.kind === "disk") reads.set(`${device} ${output.request}`, output.offset);
      },
    });
    player.rewind(from);
    this.forked.restart(player);
    const { machine } = this.forked;
    await machine.run(log.endCycle);
    const [expected, digest] = [log.digests.at(-1)?.digest, machine.digest()];
    if (log.end.reason !== "cut" && digest !== expected) {
      throw new DivergenceError(machine.cycle, this.spec.name, `digest ${expected}`, digest);
    }
    for (const entry of log.entries) {
      if (entry.kind !== "input" || entry.input.kind !== "disk") continue;
      const { device, request, bytes } = entry.input;
      const offset = reads.get(`${device} ${request}`);
      if (bytes !== undefined && offset !== undefined) this.#blocks.add(device, offset, bytes);
    }
  }

  close(): void {
    this.compiler.close();
  }
}
