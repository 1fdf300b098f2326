/** The cursors behind the HTTP face: one that moves, and one for reads at other times. */
import type { Command } from "../command.ts";
import { type Answer, runCommand } from "../command.ts";
import type { Debugger } from "../debugger.ts";

/** Opens a debugger on a cursor of its own. */
export type OpenDebugger = () => Promise<Debugger>;

/** Runs commands one after another, for calls of a cursor do not overlap. */
export class Clients {
  readonly #open: OpenDebugger;
  #mover: Promise<Debugger> | undefined;
  #reader: Promise<Debugger> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: OpenDebugger) {
    this.#open = open;
  }

  /**
   * @param at a cycle to read at; the position stays where it is
   * @throws CommandError if the command cannot be done
   */
  run(
    command: Command,
    parameters: unknown,
    at: number | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    const run = this.#last.then(async () => {
      const mover = await (this.#mover ??= this.#open());
      if (at === undefined) return await runCommand(command, mover, parameters, signal);
      const reader = await (this.#reader ??= this.#open());
      reader.hart = mover.hart;
      reader.physical = mover.physical;
      await reader.seek(at);
      return await runCommand(command, reader, parameters, signal);
    });
    this.#last = run.catch(() => {});
    return run;
  }

  /** Gives the cursors back once the last command is done. */
  async close(): Promise<void> {
    await this.#last;
    for (const debug of [this.#mover, this.#reader]) (await debug)?.cursor.close();
  }
}
