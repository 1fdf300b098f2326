/** `impair`: makes a link of the lab worse or better here, on a branch of the whole lab. */
import { z } from "zod";
import type { NotedEvent } from "../../replay/lab_log.ts";
import { describeEnd } from "../../replay/log.ts";
import { command, parameter } from "../command.ts";
import { CommandError, type Debugger, labOf } from "../debugger.ts";
import { type LabBranch, LINK_CHANGES, type LinkChange } from "../lab.ts";

/** So many events are listed. */
const SHOWN = 20;

export const impair = command({
  name: "impair",
  summary:
    "runs the lab on from here with a link that is worse, or better, on a branch of all guests",
  parameters: z.object({
    link: z.string().min(1).max(100).describe(
      "a link of the lab, such as g1.net0; g1.net0:up or g1.net0:down for one way alone",
    ),
    kind: z.enum(LINK_CHANGES),
    amount: z.coerce.number().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe(
      "a chance from 0 to 1 (1 if absent); nanoseconds (latency, jitter, partition, flap); " +
        "bits per second (rate); frames (queue)",
    ),
    for: parameter.cycle.optional().describe("for so many cycles; for good if absent"),
  }),
  effect: "changes",
  async run(debug, { link, kind, amount, for: forCycles }, signal) {
    const lab = labOf(debug);
    const at = debug.cursor.cycle;
    const branch = await changed(debug, { at, link, kind, amount, forCycles }, signal);
    await debug.follow(branch, at, signal);
    for (const guest of lab.guests) if (guest.name !== lab.name) guest.want(at, branch);
    return { text: text(branch), data: data(branch) };
  },
});

/** @throws CommandError for what cannot be */
async function changed(
  debug: Debugger,
  change: LinkChange,
  signal: AbortSignal | undefined,
): Promise<LabBranch> {
  const { labBranch } = debug;
  if (debug.cursor.branch && !labBranch) {
    throw new CommandError("This guest alone is on a branch: `return` first");
  }
  try {
    return await labOf(debug).change([...labBranch?.changes ?? [], change], signal);
  } catch (error) {
    if (signal?.aborted) throw new CommandError("interrupted: the lab is where it was");
    if (error instanceof RangeError) throw new CommandError(error.message);
    throw error;
  }
}

function text({ from, changes, end, logs, events, unknown }: LabBranch): string {
  const { link, kind, amount } = changes.at(-1)!;
  return [
    `${link}: ${kind}${amount === undefined ? "" : ` ${amount}`}; ` +
    `the lab is on a branch from ${from} to ${end}`,
    ...[...logs].map(([name, { endCycle, end }]) =>
      `  ${name} ends at ${endCycle}: ${describeEnd(end)}`
    ),
    ...unknown.map((line) => `  ${line}`),
    ...occurrences(events).slice(0, SHOWN).map(({ cycle, event, frame }) =>
      `  ${cycle}  ${event}${frame === undefined ? "" : `  of ${frame}`}`
    ),
    ...more(occurrences(events).length - SHOWN),
  ].join("\n");
}

function more(count: number): string[] {
  return count > 0 ? [`  ${count} more`] : [];
}

function data({ from, end, logs, events, unknown }: LabBranch) {
  return {
    from,
    end,
    guests: [...logs].map(([name, { endCycle, end }]) => ({
      name,
      endCycle,
      end: describeEnd(end),
    })),
    events: occurrences(events),
    unknown,
  };
}

/** What impairments did, in order of cycle. */
function occurrences(events: readonly NotedEvent[]) {
  return events.flatMap((it) => {
    if (it.kind === "forwarded" || it.event === undefined) return [];
    const { cycle, event } = it;
    return [{ cycle, event, frame: "frame" in it ? it.frame : undefined }];
  });
}
