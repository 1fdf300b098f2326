/** The command line: the composition root. */
import project from "./deno.json" with { type: "json" };
import { COMMANDS } from "./command/commands.ts";
import { reportError, UsageError } from "./command/errors.ts";
import { suggestion } from "./command/flags.ts";
import { writeOutput } from "./devices/deno/terminal.ts";

/** @returns the exit status */
async function main([name, ...args]: readonly string[]): Promise<number> {
  const names = [...COMMANDS.keys()];
  if (name === "--version") {
    writeOutput(new TextEncoder().encode(`hindsight ${project.version}\n`));
    return 0;
  }
  const wantsHelp = name === "--help" || name === "-h" || args.includes("--help");
  const command = COMMANDS.get(
    wantsHelp && (name.startsWith("-") || COMMANDS.has(name)) ? "help" : name,
  );
  if (command) return await (await command.load())(args);
  if (name === undefined) throw new UsageError(`which command? ${names.join(", ")}`);
  const near = suggestion(name, names);
  throw new UsageError(`unknown command "${name}"${near || `; there are ${names.join(", ")}`}`);
}

if (import.meta.main) {
  // Standard input may still be read, which would keep the process alive: so leave it explicitly.
  Deno.exit(await main(Deno.args).catch(reportError));
}
