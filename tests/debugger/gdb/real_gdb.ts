/** Runs a dialogue of the real gdb with our server. */
import { fromFileUrl } from "@std/path";
import { COMMANDS } from "../../../debugger/commands/list.ts";
import { Debugger, type RecordedEvent } from "../../../debugger/debugger.ts";
import { GdbListener } from "../../../debugger/deno/gdb_listener.ts";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import { type ImageName, imageUrl } from "../../../guests/images.ts";
import type { Cursor } from "../../../replay/cursor.ts";
import { hasPeer } from "../../peer.ts";

export const hasGdb = () => hasPeer("gdb-multiarch", "gdb-multiarch");

const LIMIT_MS = 120_000;

/** Everything that gdb prints while it runs these commands, on both of its outputs. */
export async function gdb(
  cursor: Cursor,
  image: ImageName,
  commands: readonly string[],
  events?: readonly RecordedEvent[],
): Promise<string> {
  const symbols = elfSymbols(Deno.readFileSync(imageUrl(image)));
  const debug = new Debugger({ cursor, symbols, events });
  const options = { hostname: "127.0.0.1", port: 0, commands: COMMANDS, debug };
  const listener = new GdbListener(options);
  const script = [
    "set confirm off",
    "set pagination off",
    "set width 0",
    `file ${fromFileUrl(imageUrl(image))}`,
    `target remote ${listener.address}`,
    ...commands,
  ];
  const child = new Deno.Command("gdb-multiarch", {
    args: ["-nx", "-batch", ...script.flatMap((line) => ["-ex", line])],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).spawn();
  const { stdout, stderr } = await child.output();
  await listener.close();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

/** What was printed between `echo [name]` and the next such echo. */
export function section(output: string, name: string): string {
  const [, rest = ""] = output.split(`[${name}]\n`);
  return rest.split(/^\[\w+\]$/m)[0].trim();
}

/** A gdb to talk with, line by line. */
export class GdbSession {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #output = "";
  #heard: () => void = () => {};
  readonly #ended: Promise<unknown>;

  constructor(args: readonly string[]) {
    this.#child = new Deno.Command("gdb-multiarch", {
      args: ["-nx", "-q", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const { stdout, stderr } = this.#child;
    this.#ended = Promise.all([this.#listen(stdout), this.#listen(stderr)]);
  }

  /** Types a line and waits until what is printed from then on matches. */
  async say(line: string, expected: RegExp): Promise<void> {
    this.#output = "";
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    await this.#until(expected);
  }

  /** Presses Ctrl-C. */
  async interrupt(expected: RegExp): Promise<void> {
    this.#output = "";
    this.#child.kill("SIGINT");
    await this.#until(expected);
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#input.abort().catch(() => {});
    await this.#ended;
  }

  async #until(expected: RegExp): Promise<void> {
    const limit = setTimeout(() => {
      this.#output = `\0${this.#output}`;
      this.#heard();
    }, LIMIT_MS);
    while (!expected.test(this.#output) && this.#output[0] !== "\0") {
      await new Promise<void>((resolve) => this.#heard = resolve);
    }
    clearTimeout(limit);
    if (!expected.test(this.#output)) throw new Error(`no ${expected} in: ${this.#output}`);
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#output += text;
      this.#heard();
    }
  }
}
