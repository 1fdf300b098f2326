/** Small recordings in memory, and the straight replay that everything else is held against. */
import type { Device } from "../../core/device.ts";
import type { Host, Input } from "../../core/host.ts";
import { Machine, type MachineOptions } from "../../core/machine.ts";
import { Random } from "../../core/random.ts";
import { UART_ID } from "../../devices/board.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import { type ImageName, imageUrl } from "../../guests/images.ts";
import { ForwardingHost } from "../../replay/forwarding_host.ts";
import type { LogEntry } from "../../replay/log.ts";
import { Player } from "../../replay/player.ts";
import { Timeline, type TimelineOptions } from "../../replay/timeline.ts";

const MEMORY_BYTES = 16 << 20;
const DISK_BYTES = 1 << 20;
const SEED = 20;

export interface RecordedGuest {
  readonly image: ImageName;
  readonly harts: number;
  /** Where it ends at the latest. */
  readonly cycles: number;
}

export interface Recording {
  readonly guest: RecordedGuest;
  readonly entries: readonly LogEntry[];
  readonly endCycle: number;
  readonly createMachine: (host: Host) => Promise<Machine>;
}

/** Writes down what a host gives to the machine. */
class Notes extends ForwardingHost {
  readonly entries: LogEntry[] = [];

  constructor(readonly host: Host) {
    super();
  }

  override take(cycle: number): Input | undefined {
    const input = this.host.take(cycle);
    const id = `m/${input?.device}#${this.entries.length}`;
    if (input) this.entries.push({ cycle, id, version: 1, kind: "input", input });
    return input;
  }

  override wallTimeNs(cycle: number): bigint {
    const ns = this.host.wallTimeNs(cycle);
    const id = `m/clock#${this.entries.length}`;
    this.entries.push({ cycle, id, version: 1, kind: "wall-clock", ns });
    return ns;
  }
}

/**
 * Runs a guest from reset, with typed characters and a disk.
 * @param wrap changes its devices
 * @param frames what comes in from a network; it has a card if there are any
 */
export async function record(
  guest: RecordedGuest,
  wrap: (device: Device) => Device = (device) => device,
  frames: readonly { readonly cycle: number; readonly bytes: Uint8Array }[] = [],
): Promise<Recording> {
  const bytes = await Deno.readFile(imageUrl(guest.image));
  const createMachine = (host: Host) => {
    const options: MachineOptions = machineOptions(
      {
        memoryBytes: MEMORY_BYTES,
        harts: guest.harts,
        seed: SEED,
        diskTiming: "model",
        disks: [{ sizeBytes: DISK_BYTES }],
        nics: frames.length > 0 ? [{}] : [],
      },
      { bios: { name: guest.image, bytes } },
      host,
    );
    const buildBoard: MachineOptions["buildBoard"] = (ports) =>
      options.buildBoard(ports).map(({ base, device }) => ({ base, device: wrap(device) }));
    return Machine.create({ ...options, buildBoard });
  };
  const host = new MemoryHost({
    disks: { disk0: new Random(SEED).bytes(DISK_BYTES) },
    script: [0.3, 0.5, 0.7, 1, 3].map((million) => ({
      cycle: million * 1_000_000,
      device: UART_ID,
      bytes: new TextEncoder().encode("help\n"),
    })),
  });
  for (const { cycle, bytes } of frames) {
    host.send({ device: "net0", kind: "frame", bytes }, cycle);
  }
  const notes = new Notes(host);
  const machine = await createMachine(notes);
  await machine.run(guest.cycles);
  return { guest, entries: notes.entries, endCycle: machine.cycle, createMachine };
}

export function timelineOf(
  recording: Recording,
  options: Partial<TimelineOptions> = {},
): Timeline {
  return new Timeline({
    log: recording,
    createMachine: recording.createMachine,
    harts: recording.guest.harts,
    budgetBytes: 2 ** 30,
    ...options,
  });
}

/** Digests of a replay that only ever goes forward. */
export class StraightReplay {
  readonly #digests = new Map<number, string>();

  constructor(readonly recording: Recording) {}

  /** The digests at these cycles, from one pass. */
  async at(cycles: Iterable<number>): Promise<ReadonlyMap<number, string>> {
    const wanted = [...new Set(cycles)].filter((cycle) => !this.#digests.has(cycle));
    if (wanted.length > 0) {
      const machine = await this.recording.createMachine(new Player(this.recording));
      for (const cycle of wanted.sort((a, b) => a - b)) {
        await runTo(machine, cycle);
        this.#digests.set(cycle, machine.digest());
      }
    }
    return this.#digests;
  }
}

/** Runs a machine forward to a cycle, through power actions. */
export async function runTo(machine: Machine, cycle: number): Promise<void> {
  while (machine.cycle < cycle) await machine.run(cycle);
}
