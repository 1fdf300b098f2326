/** `hindsight packets`: the frames of a recording, as a list or for Wireshark. */
import { nicId } from "../devices/board.ts";
import type { FabricConfig } from "../devices/network/config.ts";
import { printLine } from "../devices/deno/terminal.ts";
import { SINGLE_MACHINE } from "../replay/log.ts";
import type { LabRecording, Recording } from "../replay/format/reader.ts";
import { type Packet, packetList } from "../replay/packets/packet_list.ts";
import { countPackets } from "../replay/packets/packet_count.ts";
import { captureHead, packetBlock } from "../replay/packets/pcapng.ts";
import { HostError, reason, STATUS, UsageError } from "./errors.ts";
import { type Flag, parseFlags, suggestion } from "./flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { openLab } from "./recorded_lab.ts";
import { type Engine, framesOf, type SeenFrames } from "./sent_frames.ts";
import { onlyFile, opened, PROGRAM, readRecordedFile, recordingIn } from "./recording_file.ts";

export const PACKETS_FLAGS: readonly Flag[] = [
  { name: "guest", value: "NAME", summary: "of a lab: this guest's packets alone" },
  { name: "link", value: "NAME", summary: "of a lab: what passes this link, or is lost on it" },
  { name: "pcapng", value: "FILE", summary: "write them for Wireshark, instead of a list" },
  { name: "count", summary: "instead of them, how many each card sent, got and missed" },
  { name: "json", summary: "as one JSON array" },
  JIT_FLAG,
];

/** The packets that are asked for, and where they were seen. */
interface Capture {
  readonly packets: readonly Packet[];
  /** In the order of the machines and their cards; or the one link. */
  readonly interfaces: readonly string[];
  readonly interfaceOf: (packet: Packet) => number;
}

/** @returns the exit status */
export async function packets(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, PACKETS_FLAGS);
  const path = onlyFile("packets", flags.positional);
  const one = (name: string) => flags.values.get(name)?.[0];
  const [guest, link, file] = [one("guest"), one("link"), one("pcapng")];
  if (file !== undefined && flags.values.has("json")) {
    throw new UsageError("--pcapng and --json: one of them is enough");
  }
  if (file !== undefined && flags.values.has("count")) {
    throw new UsageError("--pcapng and --count: one of them is enough");
  }
  const engine = engineOf(flags);
  const recorded = readRecordedFile(path);
  if (guest !== undefined) recordingIn(path, recorded, guest); // or says which there are
  const capture = recorded.lab === undefined
    ? await ofMachine(path, recorded.machine, link, engine)
    : await ofLab(path, recorded.lab, { guest, link, engine });
  if (flags.values.has("count")) printCounts(capture, flags.values.has("json"));
  else if (file !== undefined) writeCapture(file, capture);
  else if (flags.values.has("json")) printLine(JSON.stringify(capture.packets.map(row), null, 2));
  else for (const packet of capture.packets) printLine(line(packet));
  return STATUS.ok;
}

async function ofMachine(
  path: string,
  recording: Recording,
  link: string | undefined,
  engine: Engine,
): Promise<Capture> {
  if (link !== undefined) {
    throw new UsageError(`--link ${link}: ${path} holds one machine, and no links`);
  }
  const open = await opened(path, recording, engine);
  const nics = (open.config.nics ?? []).map((_, index) => `${SINGLE_MACHINE}/${nicId(index)}`);
  const seen = nics.length === 0
    ? NOTHING_SEEN
    : await framesOf(path, SINGLE_MACHINE, recording, engine);
  return byNic(packetList({ entries: recording.log.entries, ...seen }), nics);
}

async function ofLab(
  path: string,
  lab: LabRecording,
  { guest, link, engine }: { guest?: string; link?: string; engine: Engine },
): Promise<Capture> {
  const { fabric, guests } = await openLab(path, lab, engine);
  const entries = guests.flatMap(({ log }) => log.entries);
  let { sent, dropped } = NOTHING_SEEN;
  const nics: string[] = [];
  for (const { name, config } of guests) {
    const its = (config.nics ?? []).map((_, index) => `${name}/${nicId(index)}`);
    if (guest === undefined || guest === name) nics.push(...its);
    // What is lost on a link may come from any guest.
    const isWanted = its.length > 0 && (guest === undefined || guest === name || link);
    if (!isWanted) continue;
    const seen = await framesOf(path, name, lab.guests.get(name)!, engine);
    sent = [...sent, ...seen.sent];
    dropped = [...dropped, ...seen.dropped];
  }
  const network = { nics: fabric.nics, events: lab.log.events, cards: cardsOf(fabric) };
  const all = packetList({ entries, sent, dropped, network });
  const isOf = (packet: Packet) => guest === undefined || packet.nic.startsWith(`${guest}/`);
  if (link === undefined) {
    const packets = all.filter((packet) => isOf(packet) && packet.direction !== "lost");
    return byNic(packets, nics);
  }
  const found = fabric.links.find(({ name }) => name === link);
  if (found === undefined) {
    const names = fabric.links.map(({ name }) => name);
    throw new UsageError(
      `--link ${link}: ${path} has ${names.join(", ") || "none"}${suggestion(link, names)}`,
    );
  }
  const ends = [found.nic, ..."nic" in found.to ? [found.to.nic] : []].map((nic) =>
    fabric.nics[nic]
  );
  return {
    packets: all.filter((packet) => isOf(packet) && ends.includes(packet.nic)),
    interfaces: [link],
    interfaceOf: () => 0,
  };
}

const NOTHING_SEEN: SeenFrames = { sent: [], dropped: [] };

/** Where each direction of a link leads, if it leads to a card. */
function cardsOf({ nics, links }: FabricConfig): Map<string, string> {
  const cards = new Map<string, string>();
  for (const { name, nic, to } of links) {
    cards.set(`${name}:down`, nics[nic]);
    if ("nic" in to) cards.set(`${name}:up`, nics[to.nic]);
  }
  return cards;
}

function byNic(packets: readonly Packet[], nics: readonly string[]): Capture {
  return { packets, interfaces: nics, interfaceOf: ({ nic }) => nics.indexOf(nic) };
}

function printCounts({ packets }: Capture, isJson: boolean): void {
  const counts = countPackets(packets);
  if (isJson) return printLine(JSON.stringify(counts, null, 2));
  for (const { nic, sent, received, unread, lost } of counts) {
    const words = [
      `${sent} sent`,
      `${received} received`,
      ...unread.map(({ why, count }) => `${count} of these never got by the guest (${why})`),
      ...lost.map(({ why, count }) => `${count} lost on the way to it (${why})`),
    ];
    printLine(`${nic}: ${words.join(", ")}`);
  }
}

/** @throws HostError if it cannot be written */
function writeCapture(path: string, { packets, interfaces, interfaceOf }: Capture): void {
  try {
    const file = Deno.openSync(path, { write: true, create: true, truncate: true });
    const write = (bytes: Uint8Array) => {
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    };
    try {
      write(captureHead(PROGRAM, interfaces.map((name) => ({ name }))));
      for (const packet of packets) {
        const { cycle, bytes, direction } = packet;
        write(packetBlock({
          interface: interfaceOf(packet),
          cycle,
          direction: direction === "lost" ? undefined : direction,
          bytes,
          comment: comment(packet),
        }));
      }
    } finally {
      file.close();
    }
  } catch (error) {
    throw new HostError(`--pcapng ${path}: ${reason(error)}`);
  }
}

function comment({ cycle, nic, direction, id, fate, events }: Packet): string {
  const list = events.length > 0 ? `; events ${events.join(" ")}` : "";
  return `cycle ${cycle}, ${direction} by ${nic}, frame ${id}: ${fate}${list}`;
}

function line({ cycle, nic, direction, id, bytes, summary, fate }: Packet): string {
  const head = `${String(cycle).padStart(15)}  ${nic.padEnd(12)} ${direction.padEnd(8)}`;
  return `${head} ${id.padEnd(16)} ${String(bytes.length).padStart(5)}  ${summary}; ${fate}`;
}

function row({ cycle, nic, direction, id, bytes, summary, fate, events }: Packet) {
  const [guest, device] = nic.split("/");
  return { cycle, guest, device, direction, id, sizeBytes: bytes.length, summary, fate, events };
}
