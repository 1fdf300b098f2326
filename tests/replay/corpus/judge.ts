/** Triage's judgement of a case, without the file and the terminal of the command. */
import { Case } from "../../../command/triage/case.ts";
import type { OpenRecording } from "../../../command/recording_file.ts";
import type { Disguised } from "./disguise.ts";
import { attribute, type Findings } from "../../../replay/attribution.ts";
import { candidatesOf } from "../../../replay/attribution_candidates.ts";
import type { Verdict } from "../../../replay/verdict.ts";

const COMMANDS = { at: () => "", event: () => "", without: () => "", verify: () => "" };

/** @param watched a later part of it, where that is enough to see what fails */
export async function judge(
  recording: OpenRecording | Disguised,
  watched: Pick<OpenRecording, "log" | "build"> = recording,
): Promise<Findings> {
  const told = "told" in recording ? recording.told : recording.log.entries;
  const opened = await Case.open(recording);
  const observed = await opened.observe(watched);
  return await attribute(
    observed,
    candidatesOf(told, opened.background(observed)),
    {
      ...(observed.divergence ? {} : {
        whatIf: opened.whatIf.bind(opened),
        trace: opened.trace.bind(opened),
        refusal: opened.refusal.bind(opened),
      }),
      commands: COMMANDS,
    },
  );
}

/** What it says of the case as a whole: of the first failure, or else of the first error that was borne. */
export function leading({ failures, verdicts }: Findings): Verdict | undefined {
  return verdicts.find(({ failure }) => failures[failure].kind !== "io-error") ?? verdicts.at(0);
}
