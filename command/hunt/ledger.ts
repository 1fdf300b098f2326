/** What a hunt has found so far, in a file beside its recordings: a hunt that was stopped goes on there. */
import { HostError, reason, UsageError } from "../errors.ts";
import type { Outcome } from "./verdict.ts";

const NAME = "hunt.jsonl";
/** What a recording's name ends with until it is whole. */
export const PART = ".part";

/** What must be the same for two hunts to be one. */
export interface Identity {
  /** Where the runs fork, and the state of each guest there, which tells all that came before. */
  readonly fork: number;
  readonly digests: readonly string[];
  /** How the runs go on from there. */
  readonly network: unknown;
  readonly failOn: unknown;
  readonly limit: number;
}

/** A line for the identity, then one for each outcome. */
export class Ledger {
  readonly outcomes = new Map<number, Outcome>();
  readonly #file: Deno.FsFile;

  /** @throws UsageError if the folder holds another hunt, HostError if it cannot be written */
  constructor(readonly folder: string, identity: Identity) {
    const path = `${folder}/${NAME}`;
    try {
      Deno.mkdirSync(folder, { recursive: true });
      this.#file = Deno.openSync(path, { read: true, write: true, create: true });
    } catch (error) {
      throw new HostError(`-o ${folder}: ${reason(error)}`);
    }
    if (!this.#file.tryLockSync(true)) {
      throw new UsageError(`-o ${folder}: another hunt is under way there`);
    }
    for (const { name } of [...Deno.readDirSync(folder)]) {
      // Of a run that was recorded when the hunt was ended.
      if (name.endsWith(PART)) Deno.removeSync(`${folder}/${name}`);
    }
    const [head, ...lines] = whole(Deno.readTextFileSync(path));
    if (head === undefined) {
      this.#begin(identity);
    } else if (head !== JSON.stringify(identity)) {
      throw new UsageError(`-o ${folder}: holds another hunt; give another folder`);
    }
    for (const line of lines) {
      const outcome: Outcome = JSON.parse(line);
      this.outcomes.set(outcome.seed, outcome);
    }
    // What was cut off is written anew.
    if (head !== undefined) this.#file.truncateSync(bytesOf([head, ...lines]).length);
    this.#file.seekSync(0, Deno.SeekMode.End);
  }

  /** Where the recording of a seed that fails goes. */
  pathOf(seed: number): string {
    return `${this.folder}/seed-${seed}.hsr`;
  }

  add(outcome: Outcome): void {
    this.outcomes.set(outcome.seed, outcome);
    this.#write(JSON.stringify(outcome));
  }

  close(): void {
    this.#file.close();
  }

  #begin(identity: Identity): void {
    this.#file.truncateSync(0);
    this.#write(JSON.stringify(identity));
  }

  #write(line: string): void {
    const bytes = bytesOf([line]);
    try {
      for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    } catch (error) {
      throw new HostError(`-o ${this.folder}: ${reason(error)}`);
    }
  }
}

/** Lines that have their end. */
function whole(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

function bytesOf(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}
