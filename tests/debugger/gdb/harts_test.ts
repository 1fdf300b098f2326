/** Four harts at one breakpoint in the real gdb: none of their hits is lost, forward or backward. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Cursor } from "../../../replay/cursor.ts";
import { record, timelineOf } from "../../replay/recordings.ts";
import { gdb, hasGdb, section } from "./real_gdb.ts";

const SMP = { image: "smp", harts: 4, cycles: 2_000_000 } as const;
const FROM = 700_000;
const COUNT = 30;

interface Place {
  readonly cycle: number;
  readonly hart: number;
}

/** Where harts come to an address, step by step: some of the last of one hart's turn, and the next's. */
async function arrivals(cursor: Cursor, address: bigint): Promise<Place[]> {
  const places: Place[] = [];
  for (let others = 0; others < COUNT / 2;) {
    const pcs = [0, 1, 2, 3].map((hart) => cursor.readRegister(hart, "pc"));
    const { cycle } = cursor;
    await cursor.seek(cycle + 1);
    // In each cycle one hart acts, and none of these instructions branches to itself.
    const hart = pcs.findIndex((pc, hart) => cursor.readRegister(hart, "pc") !== pc);
    if (pcs[hart] !== address) continue;
    places.push({ cycle, hart });
    if (hart !== places[0].hart) others++;
  }
  return places.slice(-COUNT);
}

Deno.test("gdb: four harts at one breakpoint, each hit once, forward and backward", async () => {
  if (!await hasGdb()) return;
  const timeline = timelineOf(await record(SMP), { spacing: 100_000 });
  const cursor = await timeline.cursor(FROM);
  const address = cursor.readRegister(2, "pc");
  const places = await arrivals(cursor, address);
  assert(new Set(places.map(({ hart }) => hart)).size > 1, "one hart only");
  const show = 'printf "at %lu %d\\n", $cycle, $_thread';
  const last = places.at(-1)!;
  const third = places.filter(({ hart }) => hart === last.hart);
  await cursor.seek(places[0].cycle - 1);
  const output = await gdb(cursor, "smp", [
    ...["info threads", `break *${address}`, "echo [forward]\\n"],
    ...Array(COUNT).fill(["continue", show]).flat(),
    ...["echo [backward]\\n", ...Array(COUNT - 1).fill(["reverse-continue", show]).flat()],
    ...["delete", `monitor goto ${last.cycle + 1}`, "continue"],
    ...[`break *${address} thread ${last.hart + 1}`, "echo [thread]\\n"],
    ...Array(third.length).fill(["reverse-continue", show]).flat(),
    ...["delete", "echo [end]\\n"],
  ]);
  const at = (name: string) =>
    [...section(output, name).matchAll(/^at (\d+) (\d+)$/gm)].map(([, cycle, thread]) => ({
      cycle: Number(cycle),
      hart: Number(thread) - 1,
    }));
  assertMatch(output, /Thread 4 \(hart 3\)/);
  assertEquals(at("forward"), places, output);
  assertEquals(at("backward"), places.slice(0, -1).reverse(), output);
  assertEquals(at("thread"), third.toReversed(), output);
  timeline.close();
});
