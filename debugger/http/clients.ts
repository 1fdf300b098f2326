/** The cursors behind the HTTP face: one that moves, and one for reads at other times. */
import { type Answer, type Command, runCommand } from "../command.ts";
import type { Debugger } from "../debugger.ts";

/** Opens a debugger on a cursor of its own. */
export type OpenDebugger = () => Promise<Debugger>;

/** Runs commands one after another, for calls of a cursor do not overlap. */
export class Clients {
  readonly #open: OpenDebugger;
  #mover: Debugger | undefined;
  #reader: Debugger | undefined;
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
      signal.throwIfAborted(); // gone while others were served
      const mover = this.#mover ??= await this.#open();
      await mover.comply(signal);
      if (at === undefined) return await runCommand(command, mover, parameters, signal);
      const reader = this.#reader ??= await this.#open();
      reader.hart = mover.hart;
      reader.physical = mover.physical;
      await beside(reader, mover, at);
      return await runCommand(command, reader, parameters, signal);
    });
    this.#last = run.catch(() => {});
    return run;
  }

  /** Gives the cursors back once the last command is done. */
  async close(): Promise<void> {
    await this.#last;
    for (const debug of [this.#mover, this.#reader]) debug?.cursor.close();
  }
}

/** Goes to a cycle as the mover would find it: on the lab's branch, if it is on one. */
async function beside(reader: Debugger, { labBranch }: Debugger, at: number): Promise<void> {
  if (labBranch && at >= labBranch.from) return await reader.follow(labBranch, at);
  if (reader.cursor.branch) await reader.cursor.returnFromBranch();
  await reader.seek(at);
}
