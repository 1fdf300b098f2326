/** A lab's recording as the commands use it: opened, checked, with its machines and its network. */
import { z } from "zod";
import type { MachineOptions } from "../core/machine.ts";
import { nicId } from "../devices/board.ts";
import { type FabricConfig, LATENCY_CYCLES_MIN, NO_NETWORK } from "../devices/network/config.ts";
import { FormatError } from "../replay/format/codec.ts";
import type { LabRecording, Recording } from "../replay/format/reader.ts";
import type { LabLog } from "../replay/lab_log.ts";
import { SINGLE_MACHINE } from "../replay/log.ts";
import { opened, type OpenRecording } from "./recording_file.ts";

const NICS_MAX = 256;
const INTERVALS_MAX = 10_000;

const cycles = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const seed = z.number().int().min(0).max(2 ** 32 - 1);
const text = z.string().min(1).max(100);
const chance = z.number().int().min(0).max(2 ** 32);
const delayed = z.strictObject({ chance, delay: cycles });
const index = z.number().int().min(0).max(NICS_MAX - 1);
const intervals = z.array(z.strictObject({ from: cycles, to: cycles })).max(INTERVALS_MAX);
const impairments = z.strictObject({
  jitter: cycles.max(2 ** 32 - 1),
  loss: chance,
  duplicate: delayed,
  reorder: delayed,
  corrupt: chance,
  "corrupt-valid": chance,
  rate: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  queue: z.number().int().min(0).max(1_000_000),
}).partial();

/** What a recording says of its network; a file may say anything. */
const FabricSchema = z.strictObject({
  seed,
  reseeds: z.array(z.strictObject({ cycle: cycles, seed })).max(INTERVALS_MAX).optional(),
  without: z.array(text).max(1_000_000).optional(),
  nics: z.array(text).max(NICS_MAX),
  switches: z.array(text).max(NICS_MAX),
  links: z.array(z.strictObject({
    name: text,
    nic: index,
    to: z.union([z.strictObject({ switch: index }), z.strictObject({ nic: index })]),
    latency: cycles.min(LATENCY_CYCLES_MIN),
    up: impairments,
    down: impairments,
    partitions: intervals,
    flaps: intervals,
  })).max(NICS_MAX),
});

/** A lab's recording that is open, or that of a machine alone: a lab without a network. */
export interface OpenLab {
  readonly path: string;
  readonly isLab: boolean;
  readonly fabric: FabricConfig;
  /** In the order of their numbers. */
  readonly guests: readonly OpenGuest[];
  /** What the network did. */
  readonly log: LabLog;
  readonly damage: string | undefined;
}

/** One of its machines. */
export interface OpenGuest extends OpenRecording {
  readonly name: string;
  /** Its devices on the network, with their numbers there. */
  readonly nics: readonly { readonly device: string; readonly nic: number }[];
}

/** @throws FormatError if what the file says of its lab cannot be */
export async function openLab(
  path: string,
  lab: LabRecording,
  engine?: MachineOptions["engine"],
): Promise<OpenLab> {
  const fabric = fabricOf(path, lab);
  const guests: OpenGuest[] = [];
  for (const [name, recording] of lab.guests) {
    const open = await opened(path, recording, engine);
    guests.push({ ...open, name, nics: nicsOf(open, name, fabric) });
  }
  return { path, isLab: true, fabric, guests, log: lab.log, damage: lab.damage };
}

/** @throws FormatError if what the file says of its machine cannot be */
export async function openAlone(path: string, recording: Recording): Promise<OpenLab> {
  const { endCycle, end } = recording.log;
  const machine = { ...await opened(path, recording), name: SINGLE_MACHINE, nics: [] };
  return {
    path,
    isLab: false,
    fabric: NO_NETWORK,
    guests: [machine],
    log: { events: [], endCycle, isCut: end.reason === "cut" },
    damage: recording.damage,
  };
}

/** @throws FormatError if it is no network */
export function fabricOf(path: string, { header }: LabRecording): FabricConfig {
  const parsed = FabricSchema.safeParse(header.lab);
  if (!parsed.success) {
    const { path: field, message } = parsed.error.issues[0];
    throw new FormatError(`${path}: the lab's ${field.map(String).join(".")}: ${message}`);
  }
  const { nics, switches, links } = parsed.data;
  for (const { name, nic, to } of links) {
    const isThere = nic < nics.length &&
      ("nic" in to ? to.nic < nics.length && to.nic !== nic : to.switch < switches.length);
    if (!isThere) throw new FormatError(`${path}: the lab's link ${name} leads nowhere`);
  }
  return parsed.data;
}

function nicsOf({ config }: OpenRecording, name: string, { nics }: FabricConfig) {
  return (config.nics ?? []).flatMap((_, index) => {
    const device = nicId(index);
    const nic = nics.indexOf(`${name}/${device}`);
    return nic < 0 ? [] : [{ device, nic }];
  });
}
