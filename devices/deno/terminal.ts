/** The user's end of the console: standard input and output, a terminal or a pipe. */
import { ESCAPE_HELP, EscapeKeys } from "./escape_keys.ts";
import type { Mailbox } from "./mailbox.ts";

/** Signals that end the process; the terminal is given back first. */
const ENDING: readonly { readonly signal: Deno.Signal; readonly number: number }[] = [
  { signal: "SIGHUP", number: 1 },
  { signal: "SIGINT", number: 2 },
  { signal: "SIGTERM", number: 15 },
];

/** Standard output cannot be written to. The message is one line. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/**
 * Passes what is typed to a mailbox. A terminal is in raw mode from `open` to `close`, and is given
 * back by every way out of the process: return, exception, `Deno.exit`, signal.
 */
export class Terminal {
  readonly #isRaw: boolean;
  readonly #listeners: { signal: Deno.Signal; listener: () => void }[] = [];
  readonly #restore = () => this.close();
  #isOpen = true;

  private constructor(onSignal: (number: number) => void) {
    this.#isRaw = Deno.stdin.isTerminal();
    if (!this.#isRaw) return;
    addEventListener("unload", this.#restore);
    addEventListener("error", this.#restore);
    addEventListener("unhandledrejection", this.#restore);
    for (const { signal, number } of ENDING) {
      const listener = () => {
        this.close();
        onSignal(number);
      };
      Deno.addSignalListener(signal, listener);
      this.#listeners.push({ signal, listener });
    }
    Deno.stdin.setRaw(true);
  }

  /**
   * @param mailbox closed at the end of the input
   * @param onLeave called when the user types Ctrl-A x
   * @param onSignal called after the terminal was given back for a signal
   */
  static open(
    mailbox: Mailbox,
    onLeave: () => void,
    onSignal: (number: number) => void,
  ): Terminal {
    const terminal = new Terminal(onSignal);
    terminal.#listen(mailbox, onLeave).catch(() => mailbox.close());
    return terminal;
  }

  /** Gives the terminal back; a second call does nothing. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#isRaw) return;
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // The terminal itself is gone (SIGHUP): there is nothing to give back.
    }
    removeEventListener("unload", this.#restore);
    removeEventListener("error", this.#restore);
    removeEventListener("unhandledrejection", this.#restore);
    for (const { signal, listener } of this.#listeners) Deno.removeSignalListener(signal, listener);
  }

  async #listen(mailbox: Mailbox, onLeave: () => void): Promise<void> {
    const keys = this.#isRaw ? new EscapeKeys() : undefined;
    const buffer = new Uint8Array(4096);
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      if (count === null || !this.#isOpen) break;
      const typed = keys?.feed(buffer.subarray(0, count)) ??
        { bytes: buffer.subarray(0, count), leave: false, help: false };
      if (typed.help) writeOutput(new TextEncoder().encode(`\r\n${ESCAPE_HELP.join("\r\n")}\r\n`));
      if (typed.bytes.length > 0) await mailbox.post(typed.bytes);
      if (typed.leave) {
        onLeave();
        break;
      }
    }
    mailbox.close();
  }
}

/** Writes all bytes to standard output. @throws OutputError if nobody reads it any more */
export function writeOutput(bytes: Uint8Array): void {
  try {
    let done = 0;
    while (done < bytes.length) done += Deno.stdout.writeSync(bytes.subarray(done));
  } catch (error) {
    throw new OutputError(`standard output: ${error instanceof Error ? error.message : error}`);
  }
}

/** Writes a line to standard output. @throws OutputError if nobody reads it any more */
export function printLine(text = ""): void {
  writeOutput(new TextEncoder().encode(`${text}\n`));
}
