/** From what a lab's file says of nics, switches and links to the shape of its network. */
import { resolve } from "@std/path";
import { nicId } from "../devices/board.ts";
import type { OutsideCard } from "../devices/deno/lab_outside.ts";
import type { Forward } from "../devices/deno/passt.ts";
import type { OpenEnd } from "../devices/host/network_end.ts";
import type { FabricConfig, LinkConfig } from "../devices/network/config.ts";
import { LATENCY_CYCLES_DEFAULT } from "../devices/network/config.ts";
import {
  CERTAIN,
  type Delayed,
  type Impairments,
  type Interval,
} from "../devices/network/impairment.ts";
import { UsageError } from "./errors.ts";
import { suggestion } from "./flags.ts";
import { NicSchema, nicsOf } from "./nic.ts";
import type { DirectionRequest, FaultsRequest, ImpairRequest, LabRequest } from "./lab_schema.ts";

/** By this much a frame is late that another overtakes: a good deal more than the latency. */
const REORDER_DELAY_DEFAULT = 1_000_000;

/** A network card, and where its cable leads. */
export interface LabNic {
  readonly guest: string;
  /** Of the guest's cards, from 0. */
  readonly index: number;
  readonly end: string;
}

const LIVE = /^(user|unix:.+)$/;

/** Those on the lab's network, in the order of guests, and of each guest's cards. */
export function nicsOfLab({ guests }: LabRequest): LabNic[] {
  return Object.entries(guests).flatMap(([guest, { nics = [] }]) =>
    nics.map(({ end }, index) => ({ guest, index, end })).filter(({ end }) => !LIVE.test(end))
  );
}

/** Those whose cables lead out of the lab. @throws UsageError for forwards that no end takes */
export function outsideOfLab({ guests }: LabRequest, folder: string): OutsideCard[] {
  return Object.entries(guests).flatMap(([name, { nics = [] }], guest) =>
    nics.flatMap(({ end, hostfwd = [] }, index) => {
      if (hostfwd.length > 0 && end !== "user") {
        throw new UsageError(`${name}'s net${index}: hostfwd needs the end "user"`);
      }
      if (!LIVE.test(end)) return [];
      return [{ guest, device: nicId(index), open: openEndOf(end, hostfwd, folder) }];
    })
  );
}

/** @param folder from which a socket's path begins */
function openEndOf(end: string, forwards: readonly Forward[], folder: string): OpenEnd {
  const request = NicSchema.parse(end);
  const name = request.name && resolve(folder, request.name);
  const [{ open }] = nicsOf([{ ...request, ...(name === undefined ? {} : { name }) }], forwards);
  return open;
}

/**
 * @param faults impairments that take the place of the file's, field by field
 * @throws UsageError for a cable without a second end, and for names that nothing has
 */
export function networkOf(
  lab: LabRequest,
  seed: number,
  faults: FaultsRequest = {},
): FabricConfig {
  const nics = nicsOfLab(lab);
  const switches = Object.keys(lab.switches ?? {});
  const ends = linkEnds(nics, switches);
  for (const [where, names] of [["links", lab.links], ["--faults", faults.links]] as const) {
    for (const name of Object.keys(names ?? {})) {
      if (!ends.has(name)) {
        const near = suggestion(name, [...ends.keys()]);
        throw new UsageError(`${where}: there is no link "${name}"${near}`);
      }
    }
  }
  const links = [...ends].map(([name, { nic, to }]): LinkConfig => {
    const { latency = LATENCY_CYCLES_DEFAULT, impair = {} } = lab.links?.[name] ?? {};
    return { name, nic, to, latency, ...impairmentsOf({ ...impair, ...faults.links?.[name] }) };
  });
  const names = nics.map(({ guest, index }) => `${guest}/net${index}`);
  const { without } = faults;
  return { seed, nics: names, switches, links, ...(without === undefined ? {} : { without }) };
}

/** Every link by its name: one for each card at a switch, and those that two cards share. */
function linkEnds(nics: readonly LabNic[], switches: readonly string[]) {
  const links = new Map<string, { nic: number; to?: LinkConfig["to"] }>();
  for (const [nic, { guest, index, end }] of nics.entries()) {
    const where = `${guest}'s net${index}: `;
    const [, kind, name] = /^(\w+):(.*)$/.exec(end) ?? [];
    if (kind === "switch") {
      const found = switches.indexOf(name);
      if (found < 0) {
        throw new UsageError(`${where}there is no switch "${name}"${suggestion(name, switches)}`);
      }
      links.set(`${guest}.net${index}`, { nic, to: { switch: found } });
    } else if (kind === "link") {
      const first = links.get(name);
      if (first?.to) throw new UsageError(`${where}link "${name}" has two ends already`);
      if (first) first.to = { nic };
      else links.set(name, { nic });
    }
  }
  const open = [...links].find(([, { to }]) => to === undefined);
  if (open) throw new UsageError(`link "${open[0]}" has one end: give another card end link:…`);
  return links as ReadonlyMap<string, Pick<LinkConfig, "nic" | "to">>;
}

function impairmentsOf(
  { up, down, partition = [], flap = [], ...both }: ImpairRequest,
): Pick<LinkConfig, "up" | "down" | "partitions" | "flaps"> {
  const interval = ({ from, to = Number.MAX_SAFE_INTEGER }: { from: number; to?: number }) =>
    ({ from, to }) satisfies Interval;
  return {
    up: directionOf({ ...both, ...up }),
    down: directionOf({ ...both, ...down }),
    partitions: partition.map(interval),
    flaps: flap.map(interval),
  };
}

/** Chances become whole numbers; what cannot happen is left out. */
export function directionOf(request: DirectionRequest): Impairments {
  const { duplicate, reorder, loss, corrupt, "corrupt-valid": valid, ...numbers } = request;
  const all = {
    ...numbers,
    loss: chanceOf(loss),
    corrupt: chanceOf(corrupt),
    "corrupt-valid": chanceOf(valid),
    duplicate: delayedOf(duplicate, 0),
    reorder: delayedOf(reorder, REORDER_DELAY_DEFAULT),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function chanceOf(chance: number | undefined): number | undefined {
  return chance === undefined || chance === 0 ? undefined : Math.round(chance * CERTAIN);
}

function delayedOf(request: DirectionRequest["reorder"], delay: number): Delayed | undefined {
  const asked = typeof request === "object" ? request : { chance: request, delay };
  const chance = chanceOf(asked.chance);
  return chance === undefined ? undefined : { chance, delay: asked.delay };
}
