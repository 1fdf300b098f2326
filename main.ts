/** The command line: the composition root. */
import project from "./deno.json" with { type: "json" };
import { writeOutput } from "./devices/deno/terminal.ts";
import { debug } from "./command/debug.ts";
import { demo } from "./command/demo.ts";
import { reportError, UsageError } from "./command/errors.ts";
import { suggestion } from "./command/flags.ts";
import { events } from "./command/events.ts";
import { guest } from "./command/guest.ts";
import { COMMANDS, helpText } from "./command/help.ts";
import { hunt } from "./command/hunt.ts";
import { info } from "./command/info.ts";
import { packets } from "./command/packets.ts";
import { record } from "./command/record.ts";
import { replay } from "./command/replay.ts";
import { run } from "./command/run.ts";
import { verify } from "./command/verify.ts";

const print = (text: string) => writeOutput(new TextEncoder().encode(text));

/** @returns the exit status */
async function main([name, ...args]: readonly string[]): Promise<number> {
  if (args.includes("--help") && name in COMMANDS) name = "help";
  switch (name) {
    case "demo":
      return await demo(args);
    case "guest":
      return await guest(args);
    case "run":
      return await run(args);
    case "record":
      return await record(args);
    case "replay":
      return await replay(args);
    case "verify":
      return await verify(args);
    case "info":
      return info(args);
    case "events":
      return events(args);
    case "debug":
      return await debug(args);
    case "hunt":
      return await hunt(args);
    case "packets":
      return await packets(args);
    case "help":
    case "--help":
    case "-h":
      print(helpText());
      return 0;
    case "--version":
      print(`hindsight ${project.version}\n`);
      return 0;
    case undefined:
      throw new UsageError(`which command? ${Object.keys(COMMANDS).join(", ")}`);
    default: {
      const near = suggestion(name, Object.keys(COMMANDS));
      throw new UsageError(
        `unknown command "${name}"${near || `; there are ${Object.keys(COMMANDS).join(", ")}`}`,
      );
    }
  }
}

if (import.meta.main) {
  // Standard input may still be read, which would keep the process alive: so leave it explicitly.
  Deno.exit(await main(Deno.args).catch(reportError));
}
