/** The debugger's `fault`, on a branch of a recording. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { runLine } from "../../debugger/command.ts";
import { COMMANDS } from "../../debugger/commands/list.ts";
import { CommandError, Debugger } from "../../debugger/debugger.ts";
import { elfSymbols } from "../../debugger/symbols/elf_symbols.ts";
import { imageUrl } from "../../guests/images.ts";
import { record, timelineOf } from "../replay/recordings.ts";

const HERE = 2_000_000;

Deno.test("fault does to a branch what a plan does to a run", async () => {
  const timeline = timelineOf(await record({ image: "pocket", harts: 1, cycles: 4_000_000 }));
  const cursor = await timeline.cursor(HERE);
  const symbols = elfSymbols(Deno.readFileSync(imageUrl("pocket")));
  const debug = new Debugger({ cursor, symbols });
  const run = (line: string) => runLine(COMMANDS, debug, line);
  const byte = async () => (await run("memory ledger 1")).data.bytes as string;
  const recorded = cursor.digest();

  const before = parseInt(await byte(), 16);
  await run("fault flip ledger 3");
  assertEquals(parseInt(await byte(), 16), before); // the state is that before the inputs of the cycle
  await run("step");
  assertEquals(parseInt(await byte(), 16), before ^ 8);
  const flipped = cursor.digest();
  await run(`goto ${HERE}`);
  assertEquals(parseInt(await byte(), 16), before);
  await run("step");
  assertEquals(cursor.digest(), flipped);
  await run("return");
  assertEquals([cursor.cycle, cursor.digest()], [HERE, recorded]);

  await run("fault withhold 0 500000");
  await run("step");
  assert(cursor.cycle > HERE + 500_000, `${cursor.cycle}`);
  await run("return");

  const mtime = cursor.readRegister(0, "time");
  await run("fault jump -50000");
  await run(`goto ${HERE + 1}`);
  assert(cursor.readRegister(0, "time") < mtime);
  await run("return");
  assertEquals(cursor.digest(), recorded);

  for (
    const line of ["flip 0 1", "flip ledger 8", "withhold 1 5", "withhold 0", "late 96 5", "lost x"]
  ) {
    await assertRejects(() => run(`fault ${line}`), CommandError);
    assertEquals(cursor.branch, undefined, line);
  }
  timeline.close();
});
