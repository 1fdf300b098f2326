/**
 * Console input from a file, typed as somebody would who waits for the prompt. When each line comes
 * depends on the guest's output and the cycle alone, so that two runs see it at the same cycles.
 */
import type { Input } from "../../core/host.ts";

/** Quiet for this long after output that ends within a line, the guest is taken to wait for input. */
const PROMPT_CYCLES = 20_000_000;

/** Without a prompt, a line comes after this much silence. */
const SILENCE_CYCLES = 1_000_000_000;

const NEWLINE = 10;

export class Typist {
  readonly #device: string;
  readonly #lines: Uint8Array[];
  #next = Infinity;

  /** @param device whose input it is, and whose output it watches */
  constructor(device: string, bytes: Uint8Array) {
    this.#device = device;
    this.#lines = splitLines(bytes);
  }

  /** The cycle of the next line; `Infinity` while the guest has printed nothing, or when all is sent. */
  get next(): number {
    return this.#lines.length === 0 ? Infinity : this.#next;
  }

  /** Watches what the guest prints. */
  watch(cycle: number, device: string, bytes: Uint8Array): void {
    if (device !== this.#device || bytes.length === 0) return;
    this.#next = cycle + (bytes.at(-1) === NEWLINE ? SILENCE_CYCLES : PROMPT_CYCLES);
  }

  /** The line that is due at this cycle. */
  take(cycle: number): Input | undefined {
    if (cycle < this.next) return undefined;
    this.#next = cycle + SILENCE_CYCLES;
    return { device: this.#device, kind: "console", bytes: this.#lines.shift()! };
  }
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    lines.push(bytes.slice(start, end));
    start = end;
  }
  return lines;
}
