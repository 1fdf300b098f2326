/** A guest of a lab on Deno: its disks are files, its answers come in model timing. */
import type { Host } from "../../core/host.ts";
import { Machine, type MachineOptions } from "../../core/machine.ts";
import { diskId, UART_ID } from "../board.ts";
import type { BootFiles } from "../boot/layout.ts";
import { Typist } from "../host/typist.ts";
import { type MachineConfig, machineOptions } from "../machine_options.ts";
import { LabGuest, type TurnEnd } from "../network/lab_guest.ts";
import { LabHost } from "../network/lab_host.ts";
import { ThreadCompiler } from "./compiler.ts";
import { type DiskAccess, DiskFile } from "./disk_file.ts";
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

/** Tells hooks of the guests that have ended in a round. */
export function tellEnded(
  machines: ReadonlyMap<number, LabMachine>,
  ends: readonly TurnEnd[],
): void {
  for (const { guest, stop } of ends) if (stop) machines.get(guest)!.hooks.ended?.(stop);
}

export class LabMachine {
  private constructor(
    readonly guest: LabGuest,
    readonly machine: Machine,
    readonly hooks: GuestHooks,
    readonly close: () => void,
  ) {}

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
    onConsole: () => {}, // the lab passes it on, in the order of its rounds
    nowMs: () => 0, // while others have their turn nothing stalls
    typist: send === undefined ? undefined : new Typist(UART_ID, send),
  });
}
