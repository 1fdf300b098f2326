/** The consoles of several guests on one: whole lines, each with its guest's name. */

const NEWLINE = 10;
/** A longer line is cut: a guest that ends none must not fill the host's memory. */
const LINE_BYTES_MAX = 4096;

/** A line as it is printed. @param line of at least one byte, with its end if it has one */
export type RenderLine = (guest: string, line: readonly number[]) => Uint8Array;

export class PrefixedLines {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #render: RenderLine;
  /** Of each guest: the line that it has begun. */
  readonly #begun = new Map<string, number[]>();

  constructor(write: (bytes: Uint8Array) => void, render: RenderLine = prefixed) {
    this.#write = write;
    this.#render = render;
  }

  /** What a guest has printed, or a part of it. */
  add(guest: string, bytes: Uint8Array): void {
    let line = this.#begun.get(guest) ?? [];
    for (const byte of bytes) {
      line.push(byte);
      if (byte !== NEWLINE && line.length < LINE_BYTES_MAX) continue;
      this.#print(guest, line);
      line = [];
    }
    this.#begun.set(guest, line);
  }

  /** Prints the lines that have no end. */
  finish(): void {
    for (const [guest, line] of this.#begun) if (line.length > 0) this.#print(guest, line);
    this.#begun.clear();
  }

  #print(guest: string, line: readonly number[]): void {
    this.#write(this.#render(guest, line));
  }
}

/** `g1| text` */
function prefixed(guest: string, line: readonly number[]): Uint8Array {
  const end = line.at(-1) === NEWLINE ? [] : [NEWLINE];
  return Uint8Array.from([...new TextEncoder().encode(`${guest}| `), ...line, ...end]);
}

/** `{"guest":"g1","console":"text"}`, without the line's end. */
export function jsonLine(guest: string, line: readonly number[]): Uint8Array {
  const text = new TextDecoder().decode(Uint8Array.from(line)).replace(/\r?\n$/, "");
  return new TextEncoder().encode(`${JSON.stringify({ guest, console: text })}\n`);
}
