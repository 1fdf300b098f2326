/** A log that is kept in memory, for tests and for machines that are recorded without a file. */
import { joinParts, type Log, type LogConclusion, type LogPart, type LogSink } from "./log.ts";

export class MemoryLog implements LogSink {
  readonly #parts: LogPart[] = [];
  #end: LogConclusion | undefined;

  /** What was recorded so far; cut if the recording goes on. */
  log(): Log {
    return joinParts(this.#parts, this.#end);
  }

  isDue(): boolean {
    return true;
  }

  part(part: LogPart): void {
    this.#parts.push(part);
  }

  end(conclusion: LogConclusion): void {
    this.#end = conclusion;
  }
}
