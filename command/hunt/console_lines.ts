/** Consoles of several guests, line by line. */

const LINE_MAX = 4096;

export class ConsoleLines {
  readonly #onLine: (guest: string, line: string) => void;
  readonly #rest = new Map<string, { readonly decoder: TextDecoder; text: string }>();

  /** @param onLine told of each line that is whole, without its end */
  constructor(onLine: (guest: string, line: string) => void) {
    this.#onLine = onLine;
  }

  write(guest: string, bytes: Uint8Array): void {
    let rest = this.#rest.get(guest);
    if (rest === undefined) this.#rest.set(guest, rest = { decoder: new TextDecoder(), text: "" });
    const lines = (rest.text + rest.decoder.decode(bytes, { stream: true })).split("\n");
    rest.text = lines.pop()!.slice(-LINE_MAX);
    for (const line of lines) this.#onLine(guest, line.replaceAll("\r", ""));
  }
}
