/** The keys that are for the emulator and not for the guest. Source: QEMU, "Keys in the character backend multiplexer". */

/** What somebody typed: bytes for the guest, and requests to the emulator. */
export interface Typed {
  readonly bytes: Uint8Array;
  readonly leave: boolean;
  readonly help: boolean;
}

const CTRL_A = 1;

/** What Ctrl-A h prints. */
export const ESCAPE_HELP = [
  "Ctrl-A x       leave the emulator",
  "Ctrl-A h       this help",
  "Ctrl-A Ctrl-A  send Ctrl-A to the guest",
];

export class EscapeKeys {
  #escaped = false;

  /** Splits typed bytes; an escape sequence may span two calls. Nothing after `leave` is passed on. */
  feed(typed: Uint8Array): Typed {
    const bytes: number[] = [];
    let help = false;
    for (const byte of typed) {
      if (!this.#escaped) {
        if (byte === CTRL_A) this.#escaped = true;
        else bytes.push(byte);
        continue;
      }
      this.#escaped = false;
      const key = String.fromCharCode(byte).toLowerCase();
      if (key === "x") return { bytes: Uint8Array.from(bytes), leave: true, help };
      if (key === "h" || key === "?") help = true;
      else if (byte === CTRL_A) bytes.push(byte);
      // Any other key after Ctrl-A is dropped, as QEMU drops it.
    }
    return { bytes: Uint8Array.from(bytes), leave: false, help };
  }
}
