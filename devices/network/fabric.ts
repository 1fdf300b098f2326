/**
 * A lab's network: frames that its guests have sent go through links, impairments and switches to
 * the NICs of others. A pure function of its configuration and of what was sent when.
 */
import type { FrameId } from "../../core/host.ts";
import { requireVersion, type State } from "../../core/state.ts";
import { Agenda, type Flight, STAGE } from "./agenda.ts";
import { type FabricConfig, type LinkConfig, lookahead } from "./config.ts";
import { Direction, type DirectionTerms, type Drop } from "./direction.ts";
import type { DropReason, FabricEvent } from "./events.ts";
import { LearningSwitch } from "./switch.ts";

/** What a NIC gets from the network, at an exact cycle. */
export type Arriving =
  | { readonly cycle: number; readonly kind: "link"; readonly up: boolean }
  | {
    readonly cycle: number;
    readonly kind: "frame";
    readonly bytes: Uint8Array;
    readonly sent: FrameId;
  };

/** A link's partition or flap begins or ends, or it gets other terms. */
interface Change {
  readonly cycle: number;
  readonly link: LinkConfig;
  readonly what: "partition" | "flap" | "terms";
  readonly event: string;
  readonly begins: boolean;
}

interface Link {
  readonly config: LinkConfig;
  readonly up: Direction;
  readonly down: Direction;
  readonly changes: readonly Change[];
}

export class Fabric {
  /** Nothing that is sent arrives sooner. */
  readonly lookahead: number;
  readonly #config: FabricConfig;
  readonly #onEvent: (event: FabricEvent) => void;
  readonly #links: readonly Link[];
  readonly #switches: readonly LearningSwitch[];
  /** The link of each NIC; `undefined`: it has none. */
  readonly #linkOf: readonly (number | undefined)[];
  /** In order of cycle. */
  readonly #changes: readonly Change[];
  /** How many of them are past. */
  #changed = 0;
  readonly #agenda = new Agenda();
  #cycle = 0;
  /** Of each NIC: how many frames it has sent. */
  readonly #sent: number[];
  /** Of each NIC: the cycle at which its guest ended. */
  readonly #ended: number[];

  constructor(config: FabricConfig, onEvent: (event: FabricEvent) => void = () => {}) {
    const without = new Set(config.without);
    this.#config = config;
    this.#onEvent = onEvent;
    this.lookahead = lookahead(config);
    this.#links = config.links.map((link) => ({
      config: link,
      up: new Direction(`${link.name}:up`, termsOf(link, "up"), without),
      down: new Direction(`${link.name}:down`, termsOf(link, "down"), without),
      changes: changesOf(link, without),
    }));
    this.#changes = this.#links.flatMap(({ changes }) => changes)
      .sort((a, b) => a.cycle - b.cycle);
    this.#switches = config.switches.map((id, index) =>
      new LearningSwitch(
        id,
        config.links.flatMap(({ to }, link) => "switch" in to && to.switch === index ? [link] : []),
      )
    );
    this.#linkOf = config.nics.map((_, nic) => {
      const link = config.links.findIndex((it) =>
        it.nic === nic || "nic" in it.to && it.to.nic === nic
      );
      return link < 0 ? undefined : link;
    });
    this.#sent = config.nics.map(() => 0);
    this.#ended = config.nics.map(() => Infinity);
  }

  /** All that was before this cycle has happened. */
  get cycle(): number {
    return this.#cycle;
  }

  /** The cycle of the next thing that happens if nobody sends; `Infinity` if there is none. */
  get next(): number {
    return Math.min(this.#agenda.next, this.#changes[this.#changed]?.cycle ?? Infinity);
  }

  /** A NIC has sent a frame. All that was sent before a cycle is to be told before {@link advance} to it. */
  send(cycle: number, nic: number, bytes: Uint8Array): void {
    if (cycle < this.#cycle) throw new RangeError(`a frame of cycle ${cycle} comes too late`);
    const n = this.#sent[nic]++;
    const at = this.#linkOf[nic];
    const flight = { cycle, stage: STAGE.enter, sender: nic, n, at: at ?? -1, copy: 0, bytes };
    this.#agenda.add(flight);
  }

  /** The guest of a NIC ended: it takes nothing from this cycle on. */
  end(cycle: number, nic: number): void {
    this.#ended[nic] = cycle;
  }

  /** What arrives at a NIC before a cycle, which is at most the lookahead away from the next event. */
  arriving(nic: number, before: number): Arriving[] {
    const arriving: Arriving[] = [];
    for (let index = this.#changed; this.#changes[index]?.cycle < before; index++) {
      const { cycle, what, link, begins } = this.#changes[index];
      const isSeen = what === "flap" && nicsOf(link).includes(nic);
      if (isSeen) arriving.push({ cycle, kind: "link", up: !begins });
    }
    for (const flight of this.#agenda.peek(before)) {
      if (flight.stage !== STAGE.deliver || flight.at !== nic || this.#isLost(flight)) continue;
      const { cycle, bytes } = flight;
      arriving.push({ cycle, kind: "frame", bytes, sent: this.#idOf(flight) });
    }
    return arriving.sort((a, b) => a.cycle - b.cycle);
  }

  /** Everything before a cycle happens. */
  advance(to: number): void {
    for (; this.#changes[this.#changed]?.cycle < to; this.#changed++) {
      const change = this.#changes[this.#changed];
      this.#run(change.cycle);
      this.#report(change);
    }
    this.#run(to);
    this.#cycle = to;
  }

  save(): State {
    return {
      version: 1,
      cycle: this.#cycle,
      sent: this.#sent,
      ended: this.#ended,
      agenda: this.#agenda.save(),
      switches: this.#switches.map((it) => it.save()),
      links: this.#links.map(({ up, down }) => [up.save(), down.save()]),
    };
  }

  /** @throws RangeError if the state is of another version or another network */
  restore(state: State): void {
    requireVersion(state, 1, "network");
    const links = state.links as [State, State][];
    const switches = state.switches as State[];
    if (links.length !== this.#links.length || switches.length !== this.#switches.length) {
      throw new RangeError("Cannot restore a network of another shape");
    }
    this.#cycle = state.cycle as number;
    this.#changed = this.#changes.filter(({ cycle }) => cycle < this.#cycle).length;
    (state.sent as number[]).forEach((sent, nic) => this.#sent[nic] = sent);
    (state.ended as number[]).forEach((cycle, nic) => this.#ended[nic] = cycle);
    this.#agenda.restore(state.agenda);
    switches.forEach((it, index) => this.#switches[index].restore(it));
    links.forEach(([up, down], index) => {
      this.#links[index].up.restore(up);
      this.#links[index].down.restore(down);
    });
  }

  #run(to: number): void {
    for (;;) {
      const flight = this.#agenda.take(to);
      if (flight === undefined) return;
      if (flight.stage === STAGE.deliver) this.#deliver(flight);
      else if (flight.stage === STAGE.forward) this.#forward(flight);
      else this.#enter(flight);
    }
  }

  #enter(flight: Flight): void {
    if (flight.at < 0) {
      return this.#drop(flight, this.#config.nics[flight.sender], "link-down", undefined);
    }
    const { config, up, down } = this.#links[flight.at];
    const isUp = config.nic === flight.sender;
    const direction = isUp ? up : down;
    if ("switch" in config.to) {
      this.#carry(flight, direction, { stage: STAGE.forward, at: flight.at });
    } else {
      this.#carry(flight, direction, {
        stage: STAGE.deliver,
        at: isUp ? config.to.nic : config.nic,
      });
    }
  }

  #forward(flight: Flight): void {
    const { config, up } = this.#links[flight.at];
    up.arrived(flight.bytes);
    const device = this.#switches[(config.to as { switch: number }).switch];
    const lost = this.#downAt(flight.at, flight.cycle);
    if (lost !== undefined) {
      return this.#drop(flight, `${config.name}:up`, "link-down", lost);
    }
    const links = device.forward(flight.cycle, flight.bytes, flight.at);
    if (links === undefined) return this.#drop(flight, device.id, "runt", undefined);
    if (links.length === 0) return this.#drop(flight, device.id, "no-port", undefined);
    const { cycle } = flight;
    this.#onEvent({
      kind: "forwarded",
      cycle,
      frame: this.#idOf(flight),
      at: device.id,
      copies: links.length,
    });
    for (const index of links) {
      const link = this.#links[index];
      const next = { stage: STAGE.deliver, at: link.config.nic };
      this.#carry({ ...flight, at: index }, link.down, next);
    }
  }

  /** Takes a frame through one direction of the link that it is at. */
  #carry(flight: Flight, direction: Direction, next: Pick<Flight, "stage" | "at">): void {
    const { cycle, bytes } = flight;
    const frame = this.#idOf(flight);
    const closed = this.#closed(flight.at, cycle);
    if (closed !== undefined) {
      return this.#drop(flight, direction.id, closed.reason, closed.event);
    }
    const entrant = { label: this.#labelOf(flight), n: flight.n, bytes };
    const passage = direction.enter(cycle, entrant, this.#seedAt(cycle), (event, what, delay) => {
      this.#onEvent({ kind: "impaired", cycle, frame, event, what, delay });
    });
    const { dropped, arrivals } = passage;
    if (dropped) return this.#drop(flight, direction.id, dropped.reason, dropped.event);
    arrivals.forEach(({ cycle, bytes }, index) => {
      this.#agenda.add({ ...flight, ...next, cycle, bytes, copy: flight.copy * 2 + index });
    });
  }

  #deliver(flight: Flight): void {
    const { cycle, at } = flight;
    const to = this.#config.nics[at];
    const link = this.#linkOf[at]!;
    const { config, up, down } = this.#links[link];
    const direction = config.nic === at ? down : up; // a link's first NIC gets what comes down
    direction.arrived(flight.bytes);
    const flap = this.#downAt(link, cycle);
    if (flap !== undefined) return this.#drop(flight, direction.id, "link-down", flap);
    if (cycle >= this.#ended[at]) return this.#drop(flight, to, "off", undefined);
    this.#onEvent({ kind: "delivered", cycle, frame: this.#idOf(flight), to });
  }

  /** See {@link Entrant.label}. */
  #labelOf({ sender, at, copy }: Flight): string {
    const isDown = "switch" in this.#links[at].config.to && this.#links[at].config.nic !== sender;
    const from = isDown ? `:${this.#config.nics[sender].replace("/", ".")}` : "";
    return copy === 0 ? from : `${from}+${copy}`;
  }

  #seedAt(cycle: number): number {
    const { seed, reseeds = [] } = this.#config;
    return reseeds.findLast((it) => it.cycle <= cycle)?.seed ?? seed;
  }

  #isLost({ at, cycle }: Flight): boolean {
    return this.#downAt(this.#linkOf[at]!, cycle) !== undefined || cycle >= this.#ended[at];
  }

  /** Why nothing may enter a link. */
  #closed(link: number, cycle: number): Drop | undefined {
    const flap = this.#downAt(link, cycle);
    if (flap !== undefined) return { reason: "link-down", event: flap };
    const cut = this.#during(link, "partition", cycle);
    return cut === undefined ? undefined : { reason: "partition", event: cut };
  }

  #downAt(link: number, cycle: number): string | undefined {
    return this.#during(link, "flap", cycle);
  }

  /** The id of the partition or flap that a link is in at a cycle. */
  #during(link: number, what: Change["what"], cycle: number): string | undefined {
    let event: string | undefined;
    for (const change of this.#links[link].changes) {
      if (change.cycle > cycle) break;
      if (change.what === what) event = change.begins ? change.event : undefined;
    }
    return event;
  }

  #report({ cycle, link, what, event, begins }: Change): void {
    this.#onEvent({ kind: "link", cycle, link: link.name, event, what, begins });
  }

  #drop(flight: Flight, at: string, reason: DropReason, event: string | undefined): void {
    const { cycle } = flight;
    this.#onEvent({ kind: "dropped", cycle, frame: this.#idOf(flight), at, reason, event });
  }

  #idOf({ sender, n }: Flight): FrameId {
    return `${this.#config.nics[sender]}>${n}` as FrameId;
  }
}

function termsOf(link: LinkConfig, way: "up" | "down"): DirectionTerms[] {
  return [{ cycle: 0, ...link }, ...link.later ?? []].map((terms) => ({
    cycle: terms.cycle,
    latency: terms.latency,
    impairments: terms[way],
  }));
}

function changesOf(link: LinkConfig, without: ReadonlySet<string>): Change[] {
  const { name, partitions, flaps, later = [] } = link;
  const changes = (what: Change["what"], intervals: LinkConfig["flaps"]) =>
    intervals.flatMap(({ from, to }, index) => {
      const event = `${name}/${what}#${index}`;
      if (without.has(event)) return [];
      return [
        { cycle: from, link, what, event, begins: true },
        { cycle: to, link, what, event, begins: false },
      ];
    });
  const terms = later.map(({ cycle }, index): Change => {
    return { cycle, link, what: "terms", event: `${name}/terms#${index}`, begins: true };
  });
  return [...changes("partition", partitions), ...changes("flap", flaps), ...terms]
    .sort((a, b) => a.cycle - b.cycle);
}

function nicsOf({ nic, to }: LinkConfig): number[] {
  return "nic" in to ? [nic, to.nic] : [nic];
}
