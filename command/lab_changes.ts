/** A lab's network with what somebody wants of its links from some cycles on. */
import type { FabricConfig, LinkConfig, Terms } from "../devices/network/config.ts";
import type { Impairments, Interval } from "../devices/network/impairment.ts";
import type { LinkChange } from "../debugger/lab.ts";
import { suggestion } from "./flags.ts";
import { directionOf } from "./lab_network.ts";
import { DirectionSchema, LinkSchema } from "./lab_schema.ts";

const WAYS = ["up", "down"] as const;

/** @param changes in order of cycle @throws RangeError for one that cannot be */
export function changedNetwork(
  network: FabricConfig,
  changes: readonly LinkChange[],
): FabricConfig {
  return changes.reduce(changed, network);
}

function changed(network: FabricConfig, change: LinkChange): FabricConfig {
  const [, name, way] = /^(.*?)(?::(up|down))?$/.exec(change.link)!;
  const names = network.links.map((link) => link.name);
  const index = names.indexOf(name);
  if (index < 0) {
    throw new RangeError(
      `There is no link ${name}, but ${names.join(", ")}${suggestion(name, names)}`,
    );
  }
  const link = network.links[index];
  const { kind } = change;
  const other = kind === "partition" || kind === "flap"
    ? interrupted(link, kind, change, way)
    : { ...link, later: laterOf(link, change, way as Way | undefined) };
  return { ...network, links: network.links.with(index, other) };
}

type Way = typeof WAYS[number];

function interrupted(
  link: LinkConfig,
  kind: "partition" | "flap",
  { at, amount, forCycles = amount }: LinkChange,
  way: string | undefined,
): LinkConfig {
  if (way !== undefined) throw new RangeError(`A ${kind} goes both ways: name ${link.name} alone`);
  const interval: Interval = { from: at, to: endOf(at, forCycles) };
  const field = kind === "partition" ? "partitions" : "flaps";
  const hit = link[field].find(({ from, to }) => from <= interval.to && interval.from <= to);
  if (hit) {
    throw new RangeError(`${link.name} has a ${kind} from ${hit.from} to ${hit.to} already`);
  }
  return { ...link, [field]: [...link[field], interval] };
}

/** Other terms from a cycle on, and the old ones again after a while. */
function laterOf(
  link: LinkConfig,
  { at, kind, amount, forCycles }: LinkChange,
  way: Way | undefined,
): LinkConfig["later"] {
  const { later = [] } = link;
  const past = later.filter(({ cycle }) => cycle <= at);
  const old: Terms = past.at(-1) ?? link;
  const to = endOf(at, forCycles);
  const following = later.filter(({ cycle }) => cycle > at && cycle < to);
  if (following.length > 0) {
    throw new RangeError(`${link.name} gets other terms at cycle ${following[0].cycle} already`);
  }
  const { latency, up, down } = old;
  const ways = way === undefined ? WAYS : [way];
  const terms = kind === "latency"
    ? { latency: latencyOf(amount), up, down }
    : { latency, up, down, ...Object.fromEntries(ways.map((it) => [it, impaired(old[it])])) };
  const back = to < Number.MAX_SAFE_INTEGER ? [{ cycle: to, latency, up, down }] : [];
  return [...past, { cycle: at, ...terms }, ...back, ...later.filter(({ cycle }) => cycle >= to)];

  function impaired(before: Impairments): Impairments {
    const others = Object.entries(before).filter(([name]) => name !== kind);
    return { ...Object.fromEntries(others), ...impairment(kind, amount) };
  }
}

function endOf(at: number, forCycles = Infinity): number {
  return Math.min(at + forCycles, Number.MAX_SAFE_INTEGER);
}

/** A chance is certain unless it is given. */
function impairment(kind: string, amount: number | undefined): Impairments {
  const isNumber = kind === "jitter" || kind === "rate" || kind === "queue";
  const parsed = DirectionSchema.safeParse({ [kind]: amount ?? (isNumber ? undefined : 1) });
  if (!parsed.success || isNumber && amount === undefined) {
    throw new RangeError(`${kind}: ${parsed.error?.issues[0].message ?? "how much?"}`);
  }
  return directionOf(parsed.data);
}

function latencyOf(amount: number | undefined): number {
  const parsed = LinkSchema.safeParse({ latency: amount });
  if (parsed.success && parsed.data.latency !== undefined) return parsed.data.latency;
  throw new RangeError(`latency: ${parsed.error?.issues[0].message ?? "how much?"}`);
}
