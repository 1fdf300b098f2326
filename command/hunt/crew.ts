/** The threads of a hunt: each takes the next seed when it is done with one. */
import { HostError } from "../errors.ts";
import type { Assignment } from "./specimen.ts";
import type { Outcome } from "./verdict.ts";

/** To a thread. */
export type Task =
  | { readonly kind: "open"; readonly assignment: Assignment }
  /** The path is where a failure is recorded. */
  | { readonly kind: "run"; readonly seed: number; readonly path: string };

/** From a thread. */
export type ThreadAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly message: string };

export interface CrewOptions {
  readonly jobs: number;
  readonly seeds: Iterable<number>;
  readonly pathOf: (seed: number) => string;
  /** In the order in which runs end. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** Ends the hunt: what is under way is given up. */
  readonly signal: AbortSignal;
}

/** @throws HostError if a thread fails */
export async function runCrew(assignment: Assignment, options: CrewOptions): Promise<void> {
  const { jobs, seeds, pathOf, onOutcome, signal } = options;
  const next = seeds[Symbol.iterator]();
  const threads: Worker[] = [];
  try {
    await Promise.all(Array.from({ length: jobs }, () =>
      new Promise<void>((resolve, reject) => {
        const thread = new Worker(new URL("./thread.ts", import.meta.url), { type: "module" });
        threads.push(thread);
        if (signal.aborted) return resolve();
        signal.addEventListener("abort", () => resolve());
        const post = (task: Task) => thread.postMessage(task);
        thread.addEventListener("error", (event: ErrorEvent) => {
          event.preventDefault();
          reject(new HostError(`a thread of the hunt failed: ${event.message}`));
        });
        thread.addEventListener("message", (event: Event) => {
          const answer = (event as MessageEvent<ThreadAnswer>).data;
          if (signal.aborted) return;
          if (answer.kind === "failed") return reject(new HostError(answer.message));
          if (answer.kind === "outcome") onOutcome(answer.outcome);
          const { done, value: seed } = next.next();
          if (done) resolve();
          else post({ kind: "run", seed, path: pathOf(seed) });
        });
        post({ kind: "open", assignment });
      })));
  } finally {
    for (const thread of threads) thread.terminate();
  }
}
