/** A guest of a lab on Deno: its disks are files, its answers come in model timing. */
import type { Host } from "../../core/host.ts";
import { Machine, type MachineOptions } from "../../core/machine.ts";
import { diskId, UART_ID } from "../board.ts";
import type { BootFiles } from "../boot/layout.ts";
import { Typist } from "../host/typist.ts";
import { type MachineConfig, machineOptions } from "../machine_options.ts";
import { LabGuest, type Turn, type TurnEnd } from "../network/lab_guest.ts";
import { LabHost } from "../network/lab_host.ts";
import { ThreadCompiler } from "./compiler.ts";
import { type DiskAccess, DiskFile } from "./disk_file.ts";
import { LabCrew } from "./lab_crew.ts";
import { openAll, type OpenRunners, type Runner } from "./lab_runner.ts";
import { LiveHost, type LiveHostOptions } from "./live_host.ts";

/** All that a guest starts from; it can be sent to another thread. */
export interface GuestSpec {
  readonly name: string;
  readonly config: MachineConfig;
  readonly files: BootFiles;
  readonly disks: readonly { readonly path: string; readonly access: DiskAccess }[];
  /** Console input. */
  readonly send?: Uint8Array;
  readonly reseeds?: LiveHostOptions["reseeds"];
  readonly engine?: Omit<NonNullable<MachineOptions["engine"]>, "compiler">;
}

/** What accompanies a guest, such as a recorder; on the guest's own thread. */
export interface GuestHooks {
  /** What stands between the machine and its host. */
  readonly wrap?: (host: Host) => Host;
  readonly onDigest?: (cycle: number, digest: string) => void;
  /** The machine is at reset. */
  readonly start?: (machine: Machine) => void;
  /** The guest has ended, while others may go on. */
  readonly ended?: (stop: NonNullable<TurnEnd["stop"]>) => void;
  /** The lab goes no further. @param how what whoever ran the lab says of it */
  readonly conclude?: (how: unknown) => void;
  /** What there is to tell the lab's own thread; may be JSON with byte arrays. */
  readonly takeNotes?: () => readonly unknown[];
}

/** For guests on other threads, where functions cannot go. */
export interface RemoteHooks {
  /** A module whose export `hooksOf` makes the hooks of a guest. */
  readonly module: string;
  /** For `hooksOf`. */
  readonly data: unknown;
  /** Takes what the hooks tell. */
  readonly onNote: (note: unknown) => void;
}

/** What {@link RemoteHooks.module} exports. */
export type HooksOf = (
  guest: { readonly number: number; readonly name: string },
  data: unknown,
) => GuestHooks | Promise<GuestHooks>;

/** What a thread needs for its machines. */
interface ThreadData {
  readonly specs: ReadonlyMap<number, GuestSpec>;
  readonly remote: Pick<RemoteHooks, "module" | "data"> | undefined;
}

/** Of a thread. */
export const openRunners: OpenRunners = async (numbers, data) => {
  const { specs, remote } = data as ThreadData;
  const hooksOf: HooksOf = remote ? (await import(remote.module)).hooksOf : () => ({});
  return await openAll(numbers, async (number) => {
    const spec = specs.get(number)!;
    return await LabMachine.open(spec, await hooksOf({ number, name: spec.name }, remote?.data));
  });
};

/**
 * Runs live machines.
 * @param workers how many threads, with this one
 * @param hooks of the guests on this thread
 * @param remote of those on others
 * @throws DiskFileError, ImageError for what cannot be attached or loaded
 */
export function machineCrew(
  specs: readonly GuestSpec[],
  workers: number,
  hooks: (guest: number) => GuestHooks = () => ({}),
  remote?: RemoteHooks,
): Promise<LabCrew> {
  return LabCrew.open({
    guests: specs.length,
    workers,
    open: (numbers) => openAll(numbers, (number) => LabMachine.open(specs[number], hooks(number))),
    module: new URL(import.meta.url),
    dataFor: (numbers): ThreadData => ({
      specs: new Map(numbers.map((number) => [number, specs[number]])),
      remote: remote && { module: remote.module, data: remote.data },
    }),
    onNote: remote?.onNote,
  });
}

export class LabMachine implements Runner {
  private constructor(
    readonly guest: LabGuest,
    readonly machine: Machine,
    readonly hooks: GuestHooks,
    readonly close: () => void,
  ) {}

  async run(edge: number, turn: Turn): Promise<TurnEnd> {
    const end = await this.guest.run(edge, turn);
    if (end.stop) this.hooks.ended?.(end.stop);
    return end;
  }

  conclude(how: unknown): void {
    this.hooks.conclude?.(how);
  }

  takeNotes(): readonly unknown[] {
    return this.hooks.takeNotes?.() ?? [];
  }

  /** @throws DiskFileError, ImageError for what cannot be attached or loaded */
  static async open(spec: GuestSpec, hooks: GuestHooks = {}): Promise<LabMachine> {
    const disks: DiskFile[] = [];
    const compiler = new ThreadCompiler();
    const close = () => {
      compiler.close();
      for (const disk of disks) disk.close();
    };
    try {
      for (const { path, access } of spec.disks) disks.push(DiskFile.open(path, access));
      const host = new LabHost(liveHost(spec, disks));
      const machine = await Machine.create({
        ...machineOptions(spec.config, spec.files, hooks.wrap?.(host) ?? host),
        engine: { compiler: (shape) => compiler.open(shape), ...spec.engine },
        onDigest: (cycle, digest) => {
          guest.digest(cycle, digest);
          hooks.onDigest?.(cycle, digest);
        },
      });
      const guest: LabGuest = new LabGuest(machine, host);
      hooks.start?.(machine);
      return new LabMachine(guest, machine, hooks, close);
    } catch (error) {
      close();
      throw error;
    }
  }
}

function liveHost({ config, send, reseeds }: GuestSpec, disks: readonly DiskFile[]): LiveHost {
  return new LiveHost({
    timing: "model",
    seed: config.seed,
    reseeds,
    disks: new Map(disks.map((disk, index) => [diskId(index), disk])),
    nowMs: () => 0, // while others have their turn nothing stalls
    typist: send === undefined ? undefined : new Typist(UART_ID, send),
  });
}
