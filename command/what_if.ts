/** `hindsight what-if`: whether a recording's failure needs what happened on the host's side. */
import { openCompiler } from "./compiler.ts";
import { printLine } from "../devices/deno/terminal.ts";
import { Counterfactual, failureOfEnd } from "../replay/counterfactual.ts";
import { describeEnd } from "../replay/log.ts";
import { type Necessity, necessity } from "../replay/necessity.ts";
import type { Kept, Removable } from "../replay/removal.ts";
import { STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flag, parseFlags } from "./flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { withImages } from "./recorded_image.ts";
import { GUEST_FLAG, onlyFile, type OpenRecording, openRecording } from "./recording_file.ts";

const LIMIT_CYCLES = 1_000_000_000;

/** What is done with inputs that come after what is removed. */
const REDELIVERY =
  "inputs keep their cycles; answers are matched by device, operation, place and " +
  "length, and take as long as recorded";

export const WHAT_IF_FLAGS: readonly Flag[] = [
  {
    name: "without",
    value: "EVENT",
    isRepeatable: true,
    summary: "the id of a host event, a frame, console input or a link going down: m/host#3",
  },
  {
    name: "shorten",
    value: "EVENT=CYCLES",
    isRepeatable: true,
    summary: "a delay that is no longer than that",
  },
  {
    name: "without-class",
    value: "CLASS",
    isRepeatable: true,
    summary: "all host events of a kind (`io-error`, `injected`, …) or class (`disk`, `memory`, …)",
  },
  {
    name: "disk",
    value: "FILE",
    isRepeatable: true,
    summary: "the image of a disk, for blocks that the recording does not hold; in order",
  },
  { name: "limit", value: "CYCLES", summary: "a run ends so long after the recording did; 1 s" },
  GUEST_FLAG,
  { name: "json", summary: "as one JSON object" },
  JIT_FLAG,
];

/** @returns the exit status */
export async function whatIf(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, WHAT_IF_FLAGS);
  const path = onlyFile("what-if", flags.positional);
  const ids = (flags.values.get("without") ?? []).flatMap((text) => text.split(","));
  const classes = flags.values.get("without-class") ?? [];
  const kept = new Map((flags.values.get("shorten") ?? []).map(shortened));
  if (ids.length + classes.length + kept.size === 0) {
    throw new UsageError("without what? write `hindsight what-if FILE --without EVENT`");
  }
  const limitCycles = cycleFlag(flags, "limit") ?? LIMIT_CYCLES;
  const compiler = openCompiler();
  try {
    const engine = { compiler: compiler.open.bind(compiler), ...engineOf(flags) };
    const recording = await openRecording(path, { engine, guest: flags.values.get("guest")?.[0] });
    const failure = failureOfEnd(recording.log.end);
    const report = await withImages(
      recording,
      flags.values.get("disk") ?? [],
      async (readImage) => {
        const { log, build, stored } = recording;
        const options = { log, build, stored, readImage, limitCycles };
        const counterfactual = await Counterfactual.create(options);
        const removed = removedOf(path, counterfactual, [...ids, ...kept.keys()], classes);
        refuseToLengthen(removed, kept);
        const result = failure === undefined
          ? noFailure(recording)
          : await necessity(counterfactual, removed, failure, kept);
        const shown = removed.map(({ id }) => kept.has(id) ? `${id}=${kept.get(id)}` : id);
        return { file: path, removed: shown, failure, ...result };
      },
    );
    printLine(
      flags.values.has("json")
        ? JSON.stringify({ ...report, redelivery: REDELIVERY }, null, 2)
        : page(report),
    );
    return STATUS.ok;
  } finally {
    compiler.close();
  }
}

function noFailure({ log }: OpenRecording): Necessity {
  const reason = `the recording does not end in a failure: ${describeEnd(log.end)}`;
  return { outcome: "undetermined", reason, maskedBy: [] };
}

/** @throws UsageError */
function shortened(text: string): [id: string, cycles: number] {
  const [, id, cycles] = /^(.+)=(\d{1,15})$/.exec(text) ?? [];
  if (id === undefined) throw new UsageError(`--shorten ${text}: EVENT=CYCLES is needed`);
  return [id, Number(cycles)];
}

/** @throws UsageError */
function refuseToLengthen(events: readonly Removable[], kept: Kept): void {
  for (const { id, delayCycles = 0 } of events) {
    if (!kept.has(id) || delayCycles >= kept.get(id)!) continue;
    const is = delayCycles === 0 ? "is no delay" : `is a delay of ${delayCycles} cycles`;
    throw new UsageError(`--shorten ${id}=${kept.get(id)}: ${id} ${is}`);
  }
}

/** In the order of the log. @throws UsageError naming what the recording does not have */
function removedOf(
  path: string,
  counterfactual: Counterfactual,
  ids: readonly string[],
  classes: readonly string[],
): Removable[] {
  const { events } = counterfactual;
  const named = ids.map((id) => {
    const found = counterfactual.find(id);
    if (found !== undefined) return found;
    const behind = counterfactual.behind(id);
    if (behind) {
      throw new UsageError(
        `--without ${id}: that is what the guest saw; the event behind it is ${behind.id}`,
      );
    }
    const all = events.length === 0
      ? "none"
      : events.length === 1
      ? events[0].id
      : `${events[0].id} to ${events.at(-1)!.id}`;
    throw new UsageError(`--without ${id}: ${path} has no such host event; it has ${all}`);
  });
  const known = [...new Set(events.flatMap((event) => event.classes))];
  for (const name of classes) {
    if (known.includes(name)) continue;
    const has = known.length === 0 ? "no host events" : known.join(", ");
    throw new UsageError(`--without-class ${name}: ${path} has ${has}`);
  }
  const ofClasses = events.filter((event) => event.classes.some((it) => classes.includes(it)));
  return [...new Set([...named, ...ofClasses])].sort((a, b) => a.index - b.index);
}

interface Report extends Necessity {
  readonly removed: readonly string[];
  readonly failure: string | undefined;
}

function page({ outcome, reason, removed, failure, control, without }: Report): string {
  const rows: [string, string][] = [["without", removed.join(", ")]];
  if (failure !== undefined) rows.push(["failure", failure]);
  if (control !== undefined) {
    const { from, digestCount, course } = control;
    rows.push([
      "control",
      `${course.end} at cycle ${course.cycle}, as recorded: all ` +
      `${digestCount} digests from cycle ${from} on match`,
    ]);
  }
  if (without !== undefined) {
    rows.push(["what if", `${without.end} at cycle ${without.cycle}`]);
    rows.push(["redelivery", REDELIVERY]);
    for (const assumption of without.assumptions) rows.push(["assumed", assumption]);
  }
  const lines = rows.map(([name, value]) => `${name.padEnd(12)}${value}`);
  return [`${outcome}: ${reason}`, ...lines].join("\n");
}
