/** A thread of a hunt: makes one run after another, and records those that fail. */
import { assertSame } from "./verdict.ts";
import { PART } from "./ledger.ts";
import { seeded, Trials } from "./trials.ts";
import type { Task, ThreadAnswer } from "./crew.ts";

let trials: Promise<Trials> | undefined;

addEventListener("message", async (event: Event) => {
  const task = (event as MessageEvent<Task>).data;
  try {
    trials ??= task.kind === "open" ? Trials.open(task.assignment) : undefined;
    const opened = await trials!;
    if (task.kind === "open") return answer({ kind: "ready" });
    answer({ kind: "outcome", outcome: await run(opened, task.seed, task.path) });
  } catch (error) {
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
});

async function run(trials: Trials, seed: number, path: string) {
  const variant = seeded(trials.assignment, seed);
  const outcome = await trials.run(variant);
  if (!outcome.isFailure) return outcome;
  // A file under its own name is whole.
  const part = path + PART;
  assertSame(await trials.record(variant, part), outcome);
  await Deno.rename(part, path);
  return outcome;
}

function answer(message: ThreadAnswer): void {
  (self as unknown as { postMessage(message: ThreadAnswer): void }).postMessage(message);
}
