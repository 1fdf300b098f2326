/**
 * The same case with little to read in it: its texts garbled, its names gone, and nothing says that
 * somebody made it so or what was made. What is left are errors, data and times, as of a real host.
 */
import { loadElf } from "../../../devices/boot/elf.ts";
import { Random } from "../../../core/random.ts";
import type { OpenRecording } from "../../../command/recording_file.ts";
import type { FaultInput } from "../../../core/fault.ts";
import type { LogEntry } from "../../../replay/log.ts";

const E_SHOFF = 40;
const E_SHNUM = 60;
/** A text that is shorter may be code. */
const TEXT = /[\t\n\x20-\x7e]{6,}\0/g;
/** Letters that no `%lu` needs. */
const LETTERS = /%[0-9l]*[a-z]|[a-z]/g;

/** Without symbols, and with every letter of every text replaced: so it prints what nobody can read. */
export function withoutNames(elf: Uint8Array, seed: number): Uint8Array {
  const bytes = elf.slice();
  const view = new DataView(bytes.buffer);
  view.setBigUint64(E_SHOFF, 0n, true);
  view.setUint16(E_SHNUM, 0, true);
  const letters = shuffled("abcdefghijklmnopqrstuvwxyz", seed);
  for (const { bytes: loaded } of loadElf({ name: "guest", bytes }).segments) {
    const text = String.fromCharCode(...loaded).replace(
      TEXT,
      (found) =>
        found.replace(
          LETTERS,
          (letter) => letter.length > 1 ? letter : letters[letter.charCodeAt(0) - 97],
        ),
    );
    loaded.set(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  }
  return bytes;
}

/** A recording that a real host could have left, as far as verdicts are told of it. */
export interface Disguised extends OpenRecording {
  /** What is known of its inputs: that something befell the machine, but not what. */
  readonly told: readonly LogEntry[];
}

export function withoutPlan(recording: OpenRecording): Disguised {
  const entries = recording.log.entries.map(withoutPurpose);
  return { ...recording, log: { ...recording.log, entries }, told: entries.map(withoutKind) };
}

/** An injected event is one as it happens, and no event has a text. */
function withoutPurpose(entry: LogEntry): LogEntry {
  if (entry.kind !== "input" || entry.input.kind !== "host") return entry;
  const { event, error } = entry.input;
  const natural = event !== "injected" ? event : error === undefined ? "stall" : "io-error";
  return { ...entry, input: { ...entry.input, event: natural, text: "x" } };
}

/** A machine cannot be replayed so: this is for those who judge. */
function withoutKind(entry: LogEntry): LogEntry {
  if (entry.kind !== "input" || entry.input.kind !== "fault") return entry;
  const { device, kind, request } = entry.input;
  return { ...entry, input: { device, kind, request } as FaultInput };
}

function shuffled(text: string, seed: number): string {
  const [random, letters] = [new Random(seed), [...text]];
  for (let i = letters.length - 1; i > 0; i--) {
    const j = random.bytes(1)[0] % (i + 1);
    [letters[i], letters[j]] = [letters[j], letters[i]];
  }
  return letters.join("");
}
