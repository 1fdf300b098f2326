/** A machine of a hunt, which makes one run after another. */
import { Machine } from "../../core/machine.ts";
import type { Host } from "../../core/host.ts";
import { diskId } from "../../devices/board.ts";
import { openCompiler } from "../compiler.ts";
import { DiskFile } from "../../devices/deno/disk_file.ts";
import type { GuestSpec } from "../../devices/deno/lab_machine.ts";
import { LiveHost, type LiveHostOptions } from "../../devices/deno/live_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import { LabHost } from "../../devices/network/lab_host.ts";
import { FaultyHost } from "../../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../../replay/faults/plan.ts";
import { ForkedMachine } from "../../replay/fork.ts";

/** What a run's seed has in store for a machine. */
export interface Chance extends Pick<LiveHostOptions, "reseeds">, Pick<FaultPlan, "steal"> {}

/** What makes one run after another, each on a host of its own. */
export interface TrialMachine {
  readonly spec: GuestSpec;
  readonly forked: ForkedMachine;
  /** A host for the next run: model timing, and nothing live. */
  host(chance?: Chance): LabHost;
  close(): void;
}

/** Its disks and its compiler stay from run to run. */
export class HuntedMachine implements TrialMachine {
  readonly #disks: DiskFile[] = [];
  readonly #compiler = openCompiler();
  #forked: ForkedMachine | undefined;

  private constructor(readonly spec: GuestSpec) {}

  /** All of a specimen, at reset. @throws DiskFileError, ImageError for what cannot be attached or loaded */
  static async openAll(specs: readonly GuestSpec[]): Promise<HuntedMachine[]> {
    const machines: HuntedMachine[] = [];
    try {
      for (const spec of specs) machines.push(await HuntedMachine.open(spec));
      return machines;
    } catch (error) {
      for (const machine of machines) machine.close();
      throw error;
    }
  }

  /** At reset, on no host. @throws DiskFileError, ImageError for what cannot be attached or loaded */
  static async open(spec: GuestSpec): Promise<HuntedMachine> {
    const hunted = new HuntedMachine(spec);
    try {
      for (const { path, access } of spec.disks) hunted.#disks.push(DiskFile.open(path, access));
      hunted.#forked = await ForkedMachine.create((host, onDigest) =>
        hunted.#build(host, onDigest)
      );
      return hunted;
    } catch (error) {
      hunted.close();
      throw error;
    }
  }

  get forked(): ForkedMachine {
    return this.#forked!;
  }

  host({ reseeds, steal }: Chance = {}): LabHost {
    const live = new LiveHost({
      timing: "model",
      seed: this.spec.config.seed,
      reseeds,
      disks: new Map(this.#disks.map((disk, index) => [diskId(index), disk])),
    });
    return new LabHost(steal === undefined ? live : new FaultyHost(live, { steal }));
  }

  close(): void {
    this.#compiler.close();
    for (const disk of this.#disks) disk.close();
  }

  #build(host: Host, onDigest?: (cycle: number, digest: string) => void): Promise<Machine> {
    return Machine.create({
      ...machineOptions(this.spec.config, this.spec.files, host),
      engine: { compiler: (shape) => this.#compiler.open(shape), ...this.spec.engine },
      onDigest,
    });
  }
}
