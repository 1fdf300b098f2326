/** `hindsight info`: what a recording holds, how large its parts are, and how it ended. */
import { printLine } from "../devices/deno/terminal.ts";
import { type ChunkRef, type ChunkType, FRAME_BYTES } from "../replay/format/chunk.ts";
import type { FabricConfig, LinkConfig } from "../devices/network/config.ts";
import type { LabRecording, Recording } from "../replay/format/reader.ts";
import { countHostEvents } from "../replay/host_events.ts";
import { entryKind } from "./events.ts";
import { describeEnd } from "../replay/log.ts";
import { STATUS } from "./errors.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { fabricOf } from "./recorded_lab.ts";
import { GUEST_FLAG, onlyFile, readRecordedFile, recordingIn } from "./recording_file.ts";

export const INFO_FLAGS: readonly Flag[] = [
  GUEST_FLAG,
  { name: "json", summary: "as one JSON object" },
];

/** @returns the exit status */
export function info(args: readonly string[]): number {
  const { values, positional } = parseFlags(args, INFO_FLAGS);
  const path = onlyFile("info", positional);
  const guest = values.get("guest")?.[0];
  const recorded = readRecordedFile(path);
  const print = <Facts>(facts: Facts, page: (facts: Facts) => string) =>
    printLine(values.has("json") ? JSON.stringify({ file: path, ...facts }, null, 2) : page(facts));
  if (recorded.lab !== undefined && guest === undefined) {
    print(labFacts(path, recorded.lab), labPage);
  } else print(factsOf(recordingIn(path, recorded, guest)), page);
  return STATUS.ok;
}

type Facts = ReturnType<typeof factsOf>;

function factsOf({ header, log, chunks, sizeBytes, damage, checkpoints }: Recording) {
  const inputs: Record<string, number> = {};
  for (const entry of log.entries) {
    const kind = entryKind(entry);
    inputs[kind] = (inputs[kind] ?? 0) + 1;
  }
  const sizes = sizesOf(chunks, sizeBytes);
  return {
    program: header.program,
    machine: header.machine,
    images: header.images,
    cycles: log.endCycle,
    end: log.end,
    isCut: log.end.reason === "cut",
    damage,
    inputs,
    hostEvents: countHostEvents(log.entries),
    outputs: log.outputs.reduce((sum, { count }) => sum + count, 0),
    digests: log.digests.length,
    checkpoints: checkpoints.list.map(({ cycle }) => cycle),
    checkpointNotes: checkpoints.notes,
    sizes,
    instructions: log.instructions,
    /** Absent from a cut recording. */
    logBytesPer1000Instructions: log.instructions && sizes.log / (log.instructions / 1000),
  };
}

function page(facts: Facts): string {
  const rows: [string, string][] = [
    ["written by", facts.program],
    ["machine", JSON.stringify(facts.machine)],
    ...facts.images.map((image): [string, string] => [
      image.role,
      `${image.name}, ${image.sizeBytes} bytes, sha256 ${image.sha256.slice(0, 16)}…`,
    ]),
    ["length", length(facts.cycles)],
    ["end", describeEnd(facts.end)],
    ["damage", facts.damage ?? "none"],
    ["inputs", counted(facts.inputs)],
    ["host events", counted(facts.hostEvents)],
    ["outputs", `${facts.outputs}`],
    ["digests", `${facts.digests}`],
    ["checkpoints", checkpointsOf(facts)],
    ["sizes", sizesText(facts.sizes)],
    ["instructions", perInstructions(facts)],
  ];
  return table(rows);
}

function labFacts(path: string, lab: LabRecording) {
  const { header, guests, log, chunks, sizeBytes, damage } = lab;
  const events: Record<string, number> = {};
  for (const event of log.events) {
    const kind = event.kind === "dropped" ? `dropped (${event.reason})` : event.kind;
    events[kind] = (events[kind] ?? 0) + 1;
  }
  return {
    program: header.program,
    network: fabricOf(path, lab),
    cycles: log.endCycle,
    isCut: log.isCut || [...guests.values()].some(({ log }) => log.end.reason === "cut"),
    damage,
    /** What the network did; what simply arrived is among the inputs of whom it reached. */
    events,
    guests: Object.fromEntries([...guests].map(([name, recording]) => [name, factsOf(recording)])),
    sizes: sizesOf(chunks, sizeBytes),
  };
}

function labPage(facts: ReturnType<typeof labFacts>): string {
  const guests = Object.entries(facts.guests);
  const { links, switches } = facts.network;
  return table([
    ["written by", facts.program],
    ["lab", `guests ${guests.map(([name]) => name).join(", ")}; switches ${switches.join(", ")}`],
    ...links.map((link): [string, string] => ["link", linkText(facts.network, link)]),
    ["length", `${length(facts.cycles)}${facts.isCut ? ", cut there" : ""}`],
    ["damage", facts.damage ?? "none"],
    ["network", counted(facts.events)],
    ["sizes", sizesText(facts.sizes)],
    ...guests.flatMap(([name, guest]): [string, string][] => [
      ["", ""],
      ["guest", name],
      ["machine", JSON.stringify(guest.machine)],
      ["end", `${describeEnd(guest.end)} at cycle ${guest.cycles}`],
      ["inputs", counted(guest.inputs)],
      ["outputs", `${guest.outputs}`],
      ["checkpoints", checkpointsOf(guest)],
      ["instructions", perInstructions(guest)],
    ]),
  ]);
}

function linkText({ nics, switches }: FabricConfig, link: LinkConfig): string {
  const { nic, to, latency, up, down, partitions, flaps } = link;
  const impaired = Object.entries({ up, down, partitions, flaps })
    .filter(([, what]) => Object.keys(what).length > 0)
    .map(([where, what]) => `; ${where} ${JSON.stringify(what)}`);
  const end = "nic" in to ? nics[to.nic] : switches[to.switch];
  return `${nics[nic]} to ${end}, ${latency} cycles${impaired.join("")}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([name, value]) => `${name.padEnd(14)}${value}`.trimEnd()).join("\n");
}

function length(cycles: number): string {
  return `${cycles} cycles (${(cycles / 1e9).toFixed(3)} s of guest time)`;
}

function sizesOf(chunks: readonly ChunkRef[], sizeBytes: number) {
  const stored = (...types: ChunkType[]) =>
    chunks.filter(({ type }) => types.includes(type))
      .reduce((sum, chunk) => sum + FRAME_BYTES + chunk.storedBytes, 0);
  const [images, blocks] = [stored("LAB", "HEAD", "IMAG"), stored("BLOB")];
  const checkpoints = stored("PAGE", "CKPT");
  const log = sizeBytes - images - blocks - checkpoints;
  return { file: sizeBytes, images, blocks, checkpoints, log };
}

function sizesText({ file, images, blocks, checkpoints, log }: Facts["sizes"]): string {
  return `${file} bytes: images ${images}, blocks and packets ${blocks}, ` +
    `checkpoints ${checkpoints}, entries, digests and index ${log}`;
}

function counted(counts: Record<string, number>): string {
  return Object.entries(counts).map(([kind, n]) => `${n} ${kind}`).join(", ") || "none";
}

function checkpointsOf({ checkpoints, checkpointNotes: [note] }: Facts): string {
  const cycles = checkpoints.length === 0 ? "none" : `at cycles ${checkpoints.join(", ")}`;
  return note === undefined ? cycles : `${cycles}; damaged: ${note}`;
}

function perInstructions({ instructions, logBytesPer1000Instructions: rate }: Facts): string {
  if (instructions === undefined || rate === undefined) return "not known: the recording was cut";
  return `${instructions}; ${rate.toFixed(4)} bytes of entries, digests and index per 1,000`;
}
