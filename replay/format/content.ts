/** What a file holds of one machine, or of a lab's network, put together chunk by chunk. Source: FORMAT.md. */
import { DIGEST_CYCLES } from "../../core/machine.ts";
import type { LabLog, LabPart } from "../lab_log.ts";
import { joinParts, type Log, type LogConclusion, type LogPart } from "../log.ts";
import { decodeCbor } from "./cbor.ts";
import { CheckpointIndex } from "./checkpoint_reader.ts";
import type { ChunkRef } from "./chunk.ts";
import { FormatError } from "./codec.ts";
import { decodeEnd } from "./end.ts";
import { decodeFates } from "./fate_chunk.ts";
import { decodeHeader, type Header } from "./header.ts";
import { decodePart } from "./log_chunk.ts";

/** The order of an owner's chunks. */
abstract class Content {
  readonly chunks: ChunkRef[] = [];
  protected reached = 0;
  hasEnded = false;

  /** Takes a chunk of a log, or its end. */
  take(ref: ChunkRef, payload: Uint8Array): void {
    const where = `at byte ${ref.offset}`;
    if (this.hasEnded) throw new FormatError(`a ${ref.type} chunk after the end ${where}`);
    if (ref.type === "END") {
      if (ref.lastCycle !== this.reached) {
        throw new FormatError(`an end that is not the log's ${where}`);
      }
      this.end(payload, ref.lastCycle);
      this.hasEnded = true;
      return;
    }
    if ((ref.type === "LOG" || ref.type === "FATE") && ref.firstCycle !== this.reached) {
      throw new FormatError(`the log has a gap before cycle ${ref.firstCycle}`);
    }
    this.part(ref, payload);
  }

  protected abstract part(ref: ChunkRef, payload: Uint8Array): void;
  protected abstract end(payload: Uint8Array, cycle: number): void;

  protected misplaced({ type, offset }: ChunkRef): FormatError {
    return new FormatError(`a ${type} chunk at byte ${offset}, where it cannot be`);
  }
}

/** A machine's. */
export class MachineContent extends Content {
  header: Header | undefined;
  readonly checkpoints = new CheckpointIndex();
  readonly #parts: LogPart[] = [];
  #blobs: Uint8Array[] = [];
  #end: LogConclusion | undefined;

  /** @throws FormatError if there is one already */
  head(ref: ChunkRef, payload: Uint8Array): Header {
    if (this.header !== undefined) throw this.misplaced(ref);
    return this.header = decodeHeader(payload);
  }

  /** @throws FormatError unless its length is bounded by that of its file */
  finish(): Log {
    const log = joinParts(this.#parts, this.#end);
    requireDigests(log);
    this.checkpoints.finish(log);
    return log;
  }

  protected part(ref: ChunkRef, payload: Uint8Array): void {
    if (ref.type === "BLOB") this.#blobs.push(payload);
    else if (ref.type === "LOG") {
      const blobs = this.#blobs;
      this.#blobs = [];
      this.#parts.push(decodePart(decodeCbor(payload, "a LOG chunk"), blobs, ref));
      this.reached = ref.lastCycle;
    } else throw this.misplaced(ref);
  }

  protected end(payload: Uint8Array, cycle: number): void {
    this.#end = decodeEnd(payload, cycle);
  }
}

/** That of what connects the machines of a lab. */
export class LabContent extends Content {
  readonly #parts: LabPart[] = [];

  finish(): LabLog {
    const isCut = !this.hasEnded;
    const events = this.#parts.flatMap((part) => part.events);
    // As in a machine's log, the last cycle of a cut one may not be complete.
    const whole = isCut ? events.filter(({ cycle }) => cycle < this.reached) : events;
    return { events: whole, endCycle: this.reached, isCut };
  }

  protected part(ref: ChunkRef, payload: Uint8Array): void {
    if (ref.type !== "FATE") throw this.misplaced(ref);
    this.#parts.push(decodeFates(decodeCbor(payload, "a FATE chunk"), ref));
    this.reached = ref.lastCycle;
  }

  protected end(payload: Uint8Array): void {
    if (payload.length > 0) throw new FormatError("the lab's end has more than it should");
  }
}

/** So the length of a replay is bounded by that of its file. */
function requireDigests({ digests, endCycle }: Log): void {
  let next = DIGEST_CYCLES;
  for (const { cycle } of digests) {
    if (cycle === next) next += DIGEST_CYCLES;
  }
  if (next <= endCycle) throw new FormatError(`the recording has no digest at cycle ${next}`);
}
