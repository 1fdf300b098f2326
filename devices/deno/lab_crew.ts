/** Runs a lab's guests on this thread and on others, side by side; the lab cannot tell. */
import { setImmediate } from "node:timers";
import type { Crew } from "../network/lab.ts";
import type { Turn, TurnEnd } from "../network/lab_guest.ts";
import { LocalCrew } from "../network/local_crew.ts";
import { Channel, type RoundAnswer, type RoundRequest } from "./lab_channel.ts";
import { closeAll, concludeAll, type Runners, takeNotes } from "./lab_runner.ts";

const TURN_MS = 50;
/** Deno looks for signals every 61 rounds of a loop that has other work. */
const TURN_ROUNDS = 128;

/** To the thread, once. */
export interface ThreadTask {
  readonly numbers: readonly number[];
  readonly requests: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
  /** Its export `openRunners` is an {@link OpenRunners}. */
  readonly module: string;
  readonly data: unknown;
}

export interface CrewOptions {
  /** How many guests there are; they are numbered from 0. */
  readonly guests: number;
  /** How many threads, with this one: its guests are the ones with numbers divisible by it. */
  readonly workers: number;
  /** Those of this thread. */
  readonly open: (numbers: readonly number[]) => Promise<Runners>;
  /** What other threads open theirs from. */
  readonly module: URL;
  readonly dataFor: (numbers: readonly number[]) => unknown;
  /** Takes what runners tell, after the round in which they do. */
  readonly onNote?: (note: unknown) => void;
}

export class LabCrew implements Crew {
  readonly #onNote: (note: unknown) => void;
  readonly #local: LocalCrew;
  #turnedMs = performance.now();

  private constructor(
    readonly runners: Runners,
    readonly threads: readonly LabThread[],
    { onNote = () => {} }: CrewOptions,
  ) {
    this.#onNote = onNote;
    this.#local = new LocalCrew(runners);
  }

  /** @throws what `open` throws; Error for what goes wrong on another thread */
  static async open(options: CrewOptions): Promise<LabCrew> {
    const numbers = Array.from({ length: options.guests }, (_, number) => number);
    const { workers, dataFor, module } = options;
    const ofWorker = (worker: number) => numbers.filter((number) => number % workers === worker);
    const threads: LabThread[] = [];
    let runners: Runners = new Map();
    try {
      for (let worker = 1; worker < workers; worker++) {
        const its = ofWorker(worker);
        if (its.length > 0) threads.push(new LabThread(its, module, dataFor(its)));
      }
      runners = await options.open(ofWorker(0));
      const crew = new LabCrew(runners, threads, options);
      for (const thread of threads) await crew.#answered(thread);
      return crew;
    } catch (error) {
      closeAll(runners);
      for (const thread of threads) thread.close();
      throw error;
    }
  }

  async run(edge: number, turns: readonly Turn[]): Promise<TurnEnd[]> {
    const busy = this.threads.map((thread) => ({
      thread,
      turns: turns.filter(({ guest }) => thread.guests.has(guest)),
    })).filter(({ turns }) => turns.length > 0);
    for (const { thread, turns } of busy) thread.run({ edge, turns });
    const local = turns.filter(({ guest }) => this.runners.has(guest));
    const ends = await this.#local.run(edge, local);
    this.#tell(takeNotes(this.runners));
    for (const { thread } of busy) ends.push(...await this.#answered(thread));
    await this.#turn();
    return ends.sort((a, b) => a.guest - b.guest);
  }

  /** The lab goes no further. @param how for the runners; may be JSON */
  async conclude(how: unknown): Promise<void> {
    for (const thread of this.threads) thread.run({ conclude: how });
    concludeAll(this.runners, how);
    this.#tell(takeNotes(this.runners));
    for (const thread of this.threads) await this.#answered(thread);
  }

  async #answered(thread: LabThread): Promise<readonly TurnEnd[]> {
    const { ends, notes } = await thread.answer();
    this.#tell(notes);
    return ends;
  }

  #tell(notes: readonly unknown[]): void {
    for (const note of notes) this.#onNote(note);
  }

  /** While others run nothing here would: lets signals in now and then. */
  async #turn(): Promise<void> {
    if (performance.now() - this.#turnedMs < TURN_MS) return;
    for (let round = 0; round < TURN_ROUNDS; round++) await eventLoop();
    this.#turnedMs = performance.now();
  }

  close(): void {
    closeAll(this.runners);
    for (const thread of this.threads) thread.close();
  }
}

function eventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** This side of a thread. */
class LabThread {
  readonly guests: ReadonlySet<number>;
  readonly #requests = new Channel();
  readonly #answers = new Channel();
  readonly #worker: Worker;
  #failure: Error | undefined;

  constructor(numbers: readonly number[], module: URL, data: unknown) {
    this.guests = new Set(numbers);
    this.#worker = new Worker(new URL("./lab_thread.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.#failure = new Error(`a lab's thread failed: ${event.message}`);
    });
    const task: ThreadTask = {
      numbers,
      requests: this.#requests.shared,
      answers: this.#answers.shared,
      module: module.href,
      data,
    };
    this.#worker.postMessage(task);
  }

  run(request: RoundRequest): void {
    this.#requests.send(request, () => this.#failure !== undefined);
  }

  async answer(): Promise<Extract<RoundAnswer, { kind: "ends" }>> {
    while (!this.#answers.isReady()) {
      await eventLoop(); // its failure is an event
      if (this.#failure) throw this.#failure;
    }
    const answer = this.#answers.receive(() => this.#failure !== undefined) as RoundAnswer;
    if (answer.kind === "failed") throw new Error(`a lab's thread failed: ${answer.message}`);
    return answer;
  }

  close(): void {
    this.#worker.terminate();
  }
}
