/** More code than may be kept compiled: the oldest goes, and what runs stays right. */
import { assert, assertEquals } from "@std/assert";
import { DRAM, Rig } from "../rig.ts";

Deno.test("code beyond the bound is dropped, and compiled again when it runs again", async () => {
  const [pages, additions, rounds] = [260, 900, 2];
  const rig = await Rig.create({ engine: { jitThreshold: 1 } });
  const first = DRAM + 0x10_0000;
  const body = `${"addi a0, a0, 1\n".repeat(additions)}ret`;
  for (let page = 0; page < pages; page++) rig.load(body, first + page * 4096);
  const { labels } = rig.load(`
           li a3, ${rounds}
    round: li a1, ${first}
           li a2, ${pages}
    loop:  jalr ra, 0(a1)
           lui a4, 1
           add a1, a1, a4
           addi a2, a2, -1
           bne a2, zero, loop
           addi a3, a3, -1
           bne a3, zero, round
    end:   j end`);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!, 0, 2_000_000);
  assertEquals(rig.x(10), BigInt(rounds * pages * additions));
  const { instructions, pagesDropped: dropped, modules: compilations } =
    rig.machine.engine.jit.statistics;
  console.log({ instructions, dropped, compilations });
  assert(instructions <= 200_000, `${instructions} instructions are compiled`);
  assert(dropped > pages, `only ${dropped} pages were dropped`);
});
