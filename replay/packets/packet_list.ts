/** The frames of a recording, each where a network card sent or received it, and what became of it. */
import type { FrameId } from "../../core/host.ts";
import type { NotedEvent } from "../lab_log.ts";
import type { LogEntry } from "../log.ts";
import { frameSummary } from "./frame_summary.ts";

/** A frame that left a machine, as a replay shows. */
export interface SentFrame {
  readonly id: FrameId;
  readonly cycle: number;
  readonly bytes: Uint8Array;
}

/** What a network card never passed on to its guest, as a replay shows. */
export interface CardDrop {
  /** Of the log's entry with which the frame came. */
  readonly entry: string;
  /** When it was given up; `undefined`: it still waits for buffers. */
  readonly cycle: number | undefined;
  /** In a word; `waits` if it does. */
  readonly reason: string;
}

/** A frame at a place. */
export interface Packet {
  readonly cycle: number;
  /** `g1/net0`; of one that was lost on its way to a card, the card. */
  readonly nic: string;
  readonly direction: "sent" | "received" | "lost";
  /** Of the frame, from its sender to all its receivers; of one from outside, of the log's entry. */
  readonly id: string;
  /** In words. */
  readonly fate: string;
  /** In a word, of one that was lost, or that its card did not pass on. */
  readonly why?: string;
  /** Ids of what impairments did to it. */
  readonly events: readonly string[];
  readonly summary: string;
  readonly bytes: Uint8Array;
}

/** What there is to make a list from. */
export interface PacketSource {
  /** Of all machines. */
  readonly entries: readonly LogEntry[];
  /** Of those machines whose own packets are wanted. */
  readonly sent: readonly SentFrame[];
  /** Of those machines that were replayed. */
  readonly dropped?: readonly CardDrop[];
  /** Absent: the other end is outside of what is recorded. */
  readonly network?: {
    /** The cards that are on it; the others' frames leave the lab. */
    readonly nics: readonly string[];
    /** What it did. */
    readonly events: readonly NotedEvent[];
    /** The card to which a direction of a link leads: `g1/net0` for `g1.net0:down`. */
    readonly cards: ReadonlyMap<string, string>;
  };
}

/** In order of cycle. */
export function packetList({ entries, sent, dropped = [], network }: PacketSource): Packet[] {
  const drops = new Map(dropped.map((drop) => [drop.entry, drop]));
  const received = entries.flatMap((entry) => receivedPacket(entry, drops.get(entry.id)) ?? []);
  const history = new History(received, network?.events ?? []);
  const packets = sent.map(({ id, cycle, bytes }): Packet => ({
    cycle,
    nic: nicOf(id),
    direction: "sent",
    id,
    fate: network?.nics.includes(nicOf(id)) ? history.fate(id) : "left",
    events: history.events(id),
    summary: frameSummary(bytes),
    bytes,
  }));
  const arrivals = received.map((packet) => ({ ...packet, events: history.events(packet.id) }));
  const lost = network === undefined ? [] : history.lost(sent, network.cards);
  return [...packets, ...arrivals, ...lost].sort((a, b) => a.cycle - b.cycle);
}

/** `g1/net0` of `g1/net0>7` and of `g1/net0#7`. */
export function nicOf(id: string): string {
  return id.slice(0, id.search(/[#>]/));
}

/** A packet that came to a card. */
interface Received extends Packet {
  /** What is to be said if the card did not pass it on. */
  readonly drop: string | undefined;
}

function receivedPacket(entry: LogEntry, dropped: CardDrop | undefined): Received | undefined {
  if (entry.kind !== "input" || entry.input.kind !== "frame") return undefined;
  const { bytes, sent } = entry.input;
  const nic = nicOf(entry.id);
  const drop = dropped && cardDrop(nic, dropped);
  return {
    cycle: entry.cycle,
    nic,
    direction: "received",
    id: sent ?? entry.id,
    fate: `${sent === undefined ? "from outside" : "delivered"}${drop ?? ""}`,
    why: dropped?.reason,
    drop,
    events: [],
    summary: frameSummary(bytes),
    bytes,
  };
}

type FrameEvent = Exclude<NotedEvent, { kind: "link" }>;

/** What is known of each frame. */
class History {
  readonly #received: ReadonlyMap<string, readonly Received[]>;
  readonly #events: ReadonlyMap<string, readonly FrameEvent[]>;

  constructor(received: readonly Received[], events: readonly NotedEvent[]) {
    this.#received = Map.groupBy(received, ({ id }) => id);
    const ofFrames = events.filter((event) => event.kind !== "link");
    this.#events = Map.groupBy(ofFrames, ({ frame }) => frame as string);
  }

  events(id: string): string[] {
    return (this.#events.get(id) ?? []).flatMap((it) =>
      it.kind !== "forwarded" && it.event !== undefined ? [it.event] : []
    );
  }

  fate(id: string): string {
    const events = this.#events.get(id) ?? [];
    const words = [
      ...events.flatMap((it) => it.kind === "impaired" ? [impairment(it)] : []),
      ...(this.#received.get(id) ?? []).map(({ nic, cycle, drop = "" }) =>
        `to ${nic} at ${cycle}${drop}`
      ),
      ...events.flatMap((it) => it.kind === "dropped" ? [drop(it)] : []),
    ];
    return words.length === 0 ? "under way" : words.join(", ");
  }

  /** Copies that ended on a link's way down to a card. */
  lost(sent: readonly SentFrame[], cards: ReadonlyMap<string, string>): Packet[] {
    const frames = new Map(sent.map((frame) => [frame.id, frame]));
    return [...this.#events.values()].flat().flatMap((event): Packet[] => {
      const nic = event.kind === "dropped" ? cards.get(event.at) : undefined;
      const frame = frames.get(event.frame);
      if (event.kind !== "dropped" || nic === undefined || frame === undefined) return [];
      const { cycle, reason: why } = event;
      const { id, bytes } = frame;
      const events = event.event === undefined ? [] : [event.event];
      const summary = frameSummary(bytes);
      const fate = drop(event);
      return [{ cycle, nic, direction: "lost", id, fate, why, events, summary, bytes }];
    });
  }
}

function cardDrop(nic: string, { cycle, reason }: CardDrop): string {
  return cycle === undefined
    ? `, waits in ${nic} for buffers`
    : `, dropped by ${nic} at ${cycle}: ${reason}`;
}

function drop({ at, reason, event }: Extract<NotedEvent, { kind: "dropped" }>): string {
  return `dropped at ${at}: ${event ?? reason}`;
}

function impairment({ what, event, delay }: Extract<NotedEvent, { kind: "impaired" }>): string {
  return `${what} ${event}${delay > 0 ? ` by ${delay}` : ""}`;
}
