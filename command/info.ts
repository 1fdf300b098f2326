/** `hindsight info`: what a recording holds, how large its parts are, and how it ended. */
import { printLine } from "../devices/deno/terminal.ts";
import type { ChunkType } from "../replay/format/chunk.ts";
import { FRAME_BYTES } from "../replay/format/chunk.ts";
import { readRecordingFile } from "./recording_file.ts";
import type { Recording } from "../replay/format/reader.ts";
import { countHostEvents } from "../replay/host_events.ts";
import { entryKind } from "./events.ts";
import { describeEnd } from "../replay/log.ts";
import { STATUS } from "./errors.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { onlyFile } from "./recording_file.ts";

export const INFO_FLAGS: readonly Flag[] = [{ name: "json", summary: "as one JSON object" }];

/** @returns the exit status */
export function info(args: readonly string[]): number {
  const { values, positional } = parseFlags(args, INFO_FLAGS);
  const path = onlyFile("info", positional);
  const facts = factsOf(readRecordingFile(path));
  printLine(values.has("json") ? JSON.stringify({ file: path, ...facts }, null, 2) : page(facts));
  return STATUS.ok;
}

type Facts = ReturnType<typeof factsOf>;

function factsOf({ header, log, chunks, sizeBytes, damage, checkpoints }: Recording) {
  const inputs: Record<string, number> = {};
  for (const entry of log.entries) {
    const kind = entryKind(entry);
    inputs[kind] = (inputs[kind] ?? 0) + 1;
  }
  const stored = (...types: ChunkType[]) =>
    chunks.filter(({ type }) => types.includes(type))
      .reduce((sum, chunk) => sum + FRAME_BYTES + chunk.storedBytes, 0);
  const sizes = {
    file: sizeBytes,
    images: stored("HEAD", "IMAG"),
    blocks: stored("BLOB"),
    checkpoints: stored("PAGE", "CKPT"),
    log: sizeBytes - stored("HEAD", "IMAG", "BLOB", "PAGE", "CKPT"),
  };
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
  const { sizes, inputs, end } = facts;
  const rows: [string, string][] = [
    ["written by", facts.program],
    ["machine", JSON.stringify(facts.machine)],
    ...facts.images.map((image): [string, string] => [
      image.role,
      `${image.name}, ${image.sizeBytes} bytes, sha256 ${image.sha256.slice(0, 16)}…`,
    ]),
    ["length", `${facts.cycles} cycles (${(facts.cycles / 1e9).toFixed(3)} s of guest time)`],
    ["end", describeEnd(end)],
    ["damage", facts.damage ?? "none"],
    ["inputs", counted(inputs)],
    ["host events", counted(facts.hostEvents)],
    ["outputs", `${facts.outputs}`],
    ["digests", `${facts.digests}`],
    ["checkpoints", checkpointsOf(facts)],
    [
      "sizes",
      `${sizes.file} bytes: images ${sizes.images}, blocks and packets ${sizes.blocks}, ` +
      `checkpoints ${sizes.checkpoints}, entries, digests and index ${sizes.log}`,
    ],
    ["instructions", perInstructions(facts)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(14)}${value}`).join("\n");
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
