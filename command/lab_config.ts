/** From a `--lab` file to what its guests start from and what connects them. */
import { dirname, resolve } from "@std/path";
import { Random, seedFor } from "../core/random.ts";
import { CARD_COUNT_MAX, nicId } from "../devices/board.ts";
import { layOut } from "../devices/boot/layout.ts";
import type { OutsideCard } from "../devices/deno/lab_outside.ts";
import type { GuestSpec } from "../devices/deno/lab_machine.ts";
import type { MachineConfig } from "../devices/machine_options.ts";
import type { FabricConfig } from "../devices/network/config.ts";
import type { LabMember } from "../devices/network/lab.ts";
import { formatMac } from "../devices/virtio/mac.ts";
import { boardDisk, type Boot, bootOf, readImage } from "./boot_files.ts";
import { UsageError } from "./errors.ts";
import { suggestion } from "./flags.ts";
import { prepareGuest } from "./guest.ts";
import { readJsonFile } from "./json_file.ts";
import { networkOf, nicsOfLab, outsideOfLab } from "./lab_network.ts";
import {
  type FaultsRequest,
  FaultsSchema,
  type LabGuestRequest,
  type LabRequest,
  LabSchema,
} from "./lab_schema.ts";
import { PATHS } from "./machine_config.ts";

/** All that a lab starts from. */
export interface LabPlan {
  readonly guests: readonly GuestSpec[];
  readonly members: readonly LabMember[];
  readonly network: FabricConfig;
  /** Cards with live ends; such a lab is another one each time that it runs. */
  readonly outside?: readonly OutsideCard[];
  /** The numbers of the guests that must have ended for the lab to end. */
  readonly until: readonly number[];
}

export interface LabPlanOptions {
  /** The file of `--faults`. */
  readonly faults?: string;
  /** In place of the file's. */
  readonly seed?: number;
  /** A shell command that each guest runs before its own. */
  readonly runFirst?: string;
  readonly engine?: GuestSpec["engine"];
}

/** @throws UsageError naming the file and the field, or what does not fit together */
export async function labPlan(file: string, options: LabPlanOptions = {}): Promise<LabPlan> {
  const lab = readJsonFile("lab", file, LabSchema);
  const faults: FaultsRequest = options.faults === undefined
    ? {}
    : readJsonFile("faults", options.faults, FaultsSchema);
  const seed = options.seed ?? lab.seed ?? 0;
  try {
    const network = networkOf(lab, seed, faults);
    const outside = outsideOfLab(lab, dirname(file));
    const until = untilOf(lab);
    const guests: GuestSpec[] = [];
    for (const [index, name] of Object.keys(lab.guests).entries()) {
      const request = runningFirst(
        fromFolder(lab.guests[name], dirname(file)),
        options.runFirst,
      );
      const spec = await specOf(name, index, request, seed);
      guests.push({ ...spec, engine: { ...spec.engine, ...options.engine } });
    }
    return { guests, members: membersOf(lab), network, outside, until };
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--lab ${file}: ${error.message}`);
    throw error;
  }
}

function runningFirst(request: LabGuestRequest, first = ""): LabGuestRequest {
  return request.run === undefined ? request : { ...request, run: first + request.run };
}

function membersOf(lab: LabRequest): LabMember[] {
  const nics = nicsOfLab(lab);
  return Object.keys(lab.guests).map((name) => ({
    name,
    nics: nics.flatMap(({ guest, index }, nic) =>
      guest === name ? [{ device: nicId(index), nic }] : []
    ),
  }));
}

function untilOf({ guests, until }: LabRequest): number[] {
  const names = Object.keys(guests);
  return (until ?? names).map((name) => {
    const found = names.indexOf(name);
    if (found >= 0) return found;
    throw new UsageError(`until: there is no guest "${name}"${suggestion(name, names)}`);
  });
}

/** Paths in a lab's file begin at its own folder. */
function fromFolder(request: LabGuestRequest, folder: string): LabGuestRequest {
  const path = (text: string) => text === "none" ? text : resolve(folder, text);
  return Object.fromEntries(
    Object.entries(request).map(([name, value]) => {
      if (!PATHS.includes(name)) return [name, value];
      return [
        name,
        Array.isArray(value) ? value.map((it) => path(it as string)) : path(value as string),
      ];
    }),
  );
}

async function specOf(
  name: string,
  index: number,
  request: LabGuestRequest,
  labSeed: number,
): Promise<GuestSpec> {
  try {
    if (request["disk-timing"] === "live") {
      throw new UsageError("disk-timing: model is what a lab needs, to be the same in every run");
    }
    const users = request.nics?.filter(({ end }) => end === "user") ?? [];
    const nic = users.map(() => ({ end: "user" as const })); // so that what DHCP needs is there
    const boot = await bootOf({ ...request, nic }, prepareGuest);
    const config = configOf(name, index, request, boot, labSeed);
    layOut(boot.files, config); // here, and not on another thread, to fail of what does not fit
    return {
      name,
      config,
      files: boot.files,
      disks: boot.disks,
      send: request.send === undefined ? undefined : readImage("send", request.send).bytes,
      reseeds: request.reseed,
      engine: {
        tlbEntries: request["tlb-entries"],
        flushEveryCycles: request["tlb-flush-every"],
        jitThreshold: request["jit-threshold"],
      },
    };
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`guest ${name}: ${error.message}`);
    throw error;
  }
}

function configOf(
  name: string,
  index: number,
  request: LabGuestRequest,
  { memoryBytes, bootargs, disks }: Boot,
  labSeed: number,
): MachineConfig {
  const nics = request.nics ?? [];
  if (disks.length + nics.length > CARD_COUNT_MAX) {
    throw new UsageError(`at most ${CARD_COUNT_MAX} disks and network cards fit together`);
  }
  return {
    memoryBytes,
    harts: request.harts ?? 1,
    seed: request.seed ?? seedFor(labSeed, name) >>> 0,
    diskTiming: "model",
    bootargs,
    disks: disks.map(boardDisk),
    ...(nics.length === 0 ? {} : {
      nics: nics.map(({ mac }, nic) => ({ mac: mac ?? macOfGuest(labSeed, index, nic) })),
    }),
  };
}

/** Local, and another for each card of the lab: pocket takes its IP address from the last byte. */
function macOfGuest(labSeed: number, guest: number, nic: number): string {
  const draw = new Random(seedFor(labSeed, "mac")).next();
  return formatMac(Uint8Array.of(2, draw >>> 16, draw >>> 8, draw, nic, guest + 1));
}
