/** `fragile` under a plan, recorded in memory. Its codes are those of `guests/probes/fragile.c`. */
import { assert } from "@std/assert";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import type { Host } from "../../../core/host.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { Counterfactual, failureOfEnd } from "../../../replay/counterfactual.ts";
import { FaultyHost } from "../../../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../../../replay/faults/plan.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { MemoryFile } from "../../../replay/format/codec.ts";
import { readRecording } from "../../../replay/format/reader.ts";
import type { Log } from "../../../replay/log.ts";
import { type Necessity, necessity } from "../../../replay/necessity.ts";
import { replay } from "../../../replay/replayer.ts";
import {
  buildOf,
  configOf,
  type Guest,
  imageOf,
  outputHash,
  recordInto,
  writerOf,
} from "../machines.ts";

export const TRUST = {
  read: 2,
  write: 3,
  content: 4,
  clock: 5,
  pause: 6,
  interrupt: 7,
  spurious: 8,
  canary: 9,
} as const;

export const FRAGILE: Guest = { image: "fragile", harts: 1, cycles: 2_000_000_000 };

const SECTORS = 2048;

/** Each sector has its number in each of its words. */
export const DISK = new Uint8Array(
  BigUint64Array.from({ length: SECTORS * 64 }, (_, word) => BigInt(Math.floor(word / 64))).buffer,
);

const symbols = elfSymbols(imageOf(FRAGILE).bytes);

/** Guest-physical; nothing is mapped elsewhere. */
export function symbol(name: string): number {
  const address = symbols.address(name);
  assert(address !== undefined, `fragile has no ${name}`);
  return Number(address);
}

export type Timing = "live" | "model";

/** Through a file's bytes, and verified. */
export async function recorded(plan: FaultPlan, timing: Timing = "model"): Promise<Log> {
  const config = configOf(FRAGILE, timing);
  const file = new MemoryFile();
  const live: Host = new MemoryHost({ disks: { disk0: DISK } });
  await recordInto(writerOf(FRAGILE, file, config), FRAGILE, new FaultyHost(live, plan), config);
  const { log } = readRecording(new MemoryFile(file.bytes.slice()), codec);
  await replay(log, buildOf(FRAGILE, config), { check: outputHash });
  return log;
}

/** The code with which it failed; 0: it powered off. */
export function codeOf({ end }: Log): number {
  assert(end.reason === "power", end.reason);
  return end.power.code;
}

export async function without(
  log: Log,
  ids: readonly string[],
  options: { readonly timing?: Timing; readonly hasImage?: boolean } = {},
): Promise<Necessity> {
  const counterfactual = await Counterfactual.create({
    log,
    build: buildOf(FRAGILE, configOf(FRAGILE, options.timing)),
    limitCycles: 1_000_000_000,
    readImage: options.hasImage === false
      ? undefined
      : (_device, offset, sizeBytes) => DISK.slice(offset, offset + sizeBytes),
  });
  const removed = counterfactual.events.filter(({ id }) => ids.includes(id));
  return await necessity(counterfactual, removed, failureOfEnd(log.end)!);
}

export function eventIds({ entries }: Log): string[] {
  return entries.map(({ id }) => id).filter((id) => id.startsWith("m/host#"));
}
