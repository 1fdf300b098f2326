/** A watchpoint that a device hits: a disk's answer is written by DMA, in a cycle of its own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import { imageUrl } from "../../../guests/images.ts";
import { record, timelineOf } from "../../replay/recordings.ts";
import { gdb, hasGdb, section } from "./real_gdb.ts";

const POCKET = { image: "pocket", harts: 1, cycles: 49_000_000 } as const;

Deno.test("gdb: a watched byte that the disk writes names the disk and its input, forward and backward", async () => {
  if (!await hasGdb()) return;
  const recording = await record(POCKET);
  const status = Number(elfSymbols(Deno.readFileSync(imageUrl("pocket"))).address("status"));
  const answers = recording.entries.filter((entry) =>
    entry.kind === "input" && entry.input.kind === "disk"
  );
  assertEquals(answers.length, 2, "a page is written and read back");
  const [{ cycle: first }, { cycle: last }] = answers;
  const timeline = timelineOf(recording);
  const cursor = await timeline.cursor();
  const byte = async (cycle: number) => {
    await cursor.seek(cycle);
    return cursor.readMemory(status, 1)![0];
  };
  for (const cycle of [first, last]) {
    assertEquals([await byte(cycle), await byte(cycle + 1)], [0xff, 0], "0xff until it is done");
  }
  const watch = `watch *(unsigned char *)${status}`;
  const hit = ["monitor why-stopped", "p $cycle"];
  const goto = (cycle: number | string) => ["delete", `monitor goto ${cycle}`, "continue", watch];
  const output = await gdb(cursor, "pocket", [
    ...[...goto(first - 100), "echo [forward]\\n", "continue", ...hit],
    ...[...goto("end"), "echo [backward]\\n", "reverse-continue", ...hit],
    // A step of a hart that waits takes in what the device does meanwhile.
    ...[...goto(last - 100), "echo [step]\\n", "stepi", ...hit],
    ...[...goto(last + 1), "echo [back]\\n", "reverse-stepi", ...hit],
  ], recording.entries);
  const names = answers.map(({ id }) => id);
  const said = output.match(/^\S+ by DMA.*$/gm);
  const of = (id: string) =>
    `disk0 by DMA, ${id}: write of 1 bytes (physical 0x${status.toString(16)})`;
  assertEquals(said, [of(names[0]), of(names[1]), of(names[1]), of(names[1])], output);
  const values: Record<string, RegExp> = {
    forward: /Hardware watchpoint \d+[^]*Old value = 255 [^]*New value = 0 /,
    backward: /Hardware watchpoint \d+[^]*Old value = 0 [^]*New value = 255 /,
    step: /Hardware watchpoint \d+[^]*Old value = 255 [^]*New value = 0 /,
    back: /Hardware watchpoint \d+[^]*Old value = 0 [^]*New value = 255 /,
  };
  const at = (name: string) => Number(/^\$\d+ = (\d+)$/m.exec(section(output, name))![1]);
  for (const [name, pattern] of Object.entries(values)) {
    assertMatch(section(output, name), pattern);
    const cycle = name === "forward" ? first : last;
    assert(name.startsWith("back") ? at(name) <= cycle : at(name) > cycle, output);
  }
  timeline.close();
});
