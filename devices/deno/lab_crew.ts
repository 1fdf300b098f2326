/** Runs a lab's guests on this thread and on others, side by side; the lab cannot tell. */
import { setImmediate } from "node:timers";
import type { Crew } from "../network/lab.ts";
import type { Turn, TurnEnd } from "../network/lab_guest.ts";
import { LocalCrew } from "../network/local_crew.ts";
import { Channel, type RoundAnswer, type RoundRequest } from "./lab_channel.ts";
import {
  type GuestHooks,
  type GuestSpec,
  LabMachine,
  type RemoteHooks,
  tellEnded,
} from "./lab_machine.ts";

const TURN_MS = 50;
/** Deno looks for signals every 61 rounds of a loop that has other work. */
const TURN_ROUNDS = 128;

/** To the thread, once. */
export interface ThreadTask {
  readonly specs: readonly { readonly number: number; readonly spec: GuestSpec }[];
  readonly requests: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
  readonly remote: Omit<RemoteHooks, "onNote"> | undefined;
}

export class LabCrew implements Crew {
  #turnedMs = performance.now();

  private constructor(
    readonly machines: ReadonlyMap<number, LabMachine>,
    readonly local: LocalCrew,
    readonly threads: readonly LabThread[],
  ) {}

  /**
   * @param workers how many threads, with this one: its guests are the ones with numbers divisible by it
   * @param hooks of the guests on this thread
   * @param remote of those on others
   * @throws DiskFileError, ImageError for what cannot be attached or loaded
   */
  static async open(
    specs: readonly GuestSpec[],
    workers: number,
    hooks: (guest: number) => GuestHooks = () => ({}),
    remote?: RemoteHooks,
  ): Promise<LabCrew> {
    const numbered = specs.map((spec, number) => ({ number, spec }));
    const ofWorker = (worker: number) =>
      numbered.filter(({ number }) => number % workers === worker);
    const threads: LabThread[] = [];
    const machines = new Map<number, LabMachine>();
    try {
      for (let worker = 1; worker < workers; worker++) {
        if (ofWorker(worker).length > 0) threads.push(new LabThread(ofWorker(worker), remote));
      }
      for (const { number, spec } of ofWorker(0)) {
        machines.set(number, await LabMachine.open(spec, hooks(number)));
      }
      for (const thread of threads) await thread.ends();
    } catch (error) {
      closeAll(machines, threads);
      throw error;
    }
    const guests = new Map([...machines].map(([number, { guest }]) => [number, guest]));
    return new LabCrew(machines, new LocalCrew(guests), threads);
  }

  async run(edge: number, turns: readonly Turn[]): Promise<TurnEnd[]> {
    const busy = this.threads.map((thread) => ({
      thread,
      turns: turns.filter(({ guest }) => thread.guests.has(guest)),
    })).filter(({ turns }) => turns.length > 0);
    for (const { thread, turns } of busy) thread.run({ edge, turns });
    const ends = await this.local.run(edge, turns.filter(({ guest }) => this.machines.has(guest)));
    tellEnded(this.machines, ends);
    for (const { thread } of busy) ends.push(...await thread.ends());
    await this.#turn();
    return ends.sort((a, b) => a.guest - b.guest);
  }

  /** The lab goes no further. @param how for the hooks; may be JSON */
  async conclude(how: unknown): Promise<void> {
    for (const thread of this.threads) thread.run({ conclude: how });
    for (const { hooks } of this.machines.values()) hooks.conclude?.(how);
    for (const thread of this.threads) await thread.ends();
  }

  /** While others run nothing here would: lets signals in now and then. */
  async #turn(): Promise<void> {
    if (performance.now() - this.#turnedMs < TURN_MS) return;
    for (let round = 0; round < TURN_ROUNDS; round++) await eventLoop();
    this.#turnedMs = performance.now();
  }

  close(): void {
    closeAll(this.machines, this.threads);
  }
}

function eventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function closeAll(
  machines: ReadonlyMap<number, LabMachine>,
  threads: readonly LabThread[],
): void {
  for (const machine of machines.values()) machine.close();
  for (const thread of threads) thread.close();
}

/** This side of a thread. */
class LabThread {
  readonly guests: ReadonlySet<number>;
  readonly #requests = new Channel();
  readonly #answers = new Channel();
  readonly #worker: Worker;
  readonly #onNote: (note: unknown) => void;
  #failure: Error | undefined;

  constructor(specs: ThreadTask["specs"], remote: RemoteHooks | undefined) {
    this.#onNote = remote?.onNote ?? (() => {});
    this.guests = new Set(specs.map(({ number }) => number));
    this.#worker = new Worker(new URL("./lab_thread.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.#failure = new Error(`a lab's thread failed: ${event.message}`);
    });
    const task: ThreadTask = {
      specs,
      requests: this.#requests.shared,
      answers: this.#answers.shared,
      remote: remote && { module: remote.module, data: remote.data },
    };
    this.#worker.postMessage(task);
  }

  run(request: RoundRequest): void {
    this.#requests.send(request, () => this.#failure !== undefined);
  }

  async ends(): Promise<readonly TurnEnd[]> {
    while (!this.#answers.isReady()) {
      await eventLoop(); // its failure is an event
      if (this.#failure) throw this.#failure;
    }
    const answer = this.#answers.receive(() => this.#failure !== undefined) as RoundAnswer;
    if (answer.kind === "failed") throw new Error(`a lab's thread failed: ${answer.message}`);
    for (const note of answer.notes) this.#onNote(note);
    return answer.ends;
  }

  close(): void {
    this.#worker.terminate();
  }
}
