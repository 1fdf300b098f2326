/** From the command line to what a hunt runs. */
import { NO_NETWORK } from "../../devices/network/config.ts";
import { SINGLE_MACHINE } from "../../replay/log.ts";
import { boardDisk, bootOf } from "../boot_files.ts";
import { UsageError } from "../errors.ts";
import { type Flags, wholeFlag } from "../flags.ts";
import { prepareGuest } from "../guest.ts";
import { labPlan } from "../lab_config.ts";
import { engineOf, machineRequest } from "../machine_config.ts";
import { type ForkAt, READY_COMMAND } from "./boot.ts";
import type { Specimen } from "./specimen.ts";
import { pattern } from "./verdict.ts";

/** Flags of a machine that would make runs differ from each other, or wait for somebody. */
const NOT_HUNTED = ["reseed", "send", "nic", "hostfwd", "until-cycle", "digests"] as const;

/** What is hunted in, and where its runs fork. */
export interface Hunted {
  readonly specimen: Specimen;
  readonly forkAt: ForkAt;
}

/** @throws UsageError */
export async function huntedOf(flags: Flags): Promise<Hunted> {
  for (const name of NOT_HUNTED) {
    if (flags.values.has(name)) throw new UsageError(`--${name} does not go with hunt`);
  }
  const given = forkAtOf(flags.values.get("fork-at")?.[0]);
  const specimen = flags.values.has("lab")
    ? await labOf(flags, given === undefined)
    : await machineOf(flags, given === undefined);
  for (const { name, disks, send } of specimen.guests) {
    const where = specimen.isLab ? `guest ${name}: ` : "";
    if (send !== undefined) throw new UsageError(`${where}send does not go with hunt`);
    if (disks.some(({ access }) => access === "through")) {
      throw new UsageError(`${where}a disk with ",through" does not go with hunt`);
    }
  }
  return { specimen, forkAt: given ?? readyOf(specimen) };
}

function forkAtOf(text: string | undefined): ForkAt | undefined {
  if (text === undefined) return undefined;
  if (/^\d[\d_]*$/.test(text)) return { cycle: Number(text.replaceAll("_", "")) };
  pattern("fork-at", text);
  return { pattern: text };
}

/** When all guests that have a command are about to run it. */
function readyOf({ guests }: Specimen): ForkAt {
  const ready = guests.filter(({ files }) => files.initrds?.some(({ name }) => name === COMMAND));
  return ready.length > 0 ? { ready: ready.length } : { cycle: 0 };
}

/** The initramfs that brings a command. */
const COMMAND = "--run and --copy";

async function labOf(flags: Flags, saysReady: boolean): Promise<Specimen> {
  const { values } = flags;
  const plan = await labPlan(values.get("lab")![0], {
    faults: values.get("faults")?.[0],
    seed: wholeFlag(flags, "seed", 0, 2 ** 32 - 1),
    engine: engineOf(flags),
    runFirst: saysReady ? READY_COMMAND : undefined,
  });
  if (plan.outside?.length) {
    throw new UsageError(
      "--lab: live ends (user, unix:PATH) would make runs differ from each other",
    );
  }
  return { isLab: true, ...plan };
}

async function machineOf(flags: Flags, saysReady: boolean): Promise<Specimen> {
  const request = machineRequest(flags);
  if (request["disk-timing"] === "live") {
    throw new UsageError("--disk-timing live: a hunt needs model, for runs to be the same again");
  }
  if (request.faults !== undefined) {
    throw new UsageError("--faults does not go with a hunt in one machine");
  }
  const { run } = request;
  const first = saysReady ? READY_COMMAND : "";
  const boot = await bootOf(
    run === undefined ? request : { ...request, run: first + run },
    () => prepareGuest(),
  );
  const { memoryBytes, bootargs, files, disks } = boot;
  const config = {
    memoryBytes,
    harts: request.harts ?? 1,
    seed: request.seed ?? 0,
    diskTiming: "model",
    bootargs,
    disks: disks.map(boardDisk),
  } as const;
  const name = SINGLE_MACHINE;
  return {
    isLab: false,
    guests: [{ name, config, files, disks, engine: engineOf(flags) }],
    members: [{ name, nics: [] }],
    network: NO_NETWORK,
    until: [0],
  };
}
