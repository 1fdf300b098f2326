import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { hindsight } from "./cli.ts";

const FILE = fromFileUrl(new URL("../replay/formats/v1.hsr", import.meta.url));

Deno.test("why names the writers of a value, as text and as JSON", async () => {
  const text = await hindsight(["why", FILE, "ledger"]);
  assertEquals(text.status, 0, text.stderr);
  assertMatch(
    text.stdout,
    /^cycle \d+: 8 bytes at physical 0x[0-9a-f]+ = 0x[0-9a-f]+, copied by hart 0 at 0x[0-9a-f]+ <ledger_init\+0x/,
  );
  assertMatch(text.stdout.split("\n")[0], /, in a call from </);
  const json = await hindsight(["why", FILE, "ledger", "--json", "--steps", "2"]);
  const { steps, cut } = JSON.parse(json.stdout);
  assertEquals([steps.length, cut.length], [2, 1]);
  assertEquals(steps[0].from, [1]);
});

Deno.test("why refuses what it cannot follow", async () => {
  for (
    const [args, message] of [
      [[FILE], /^hindsight: why needs a file and a register or an address/],
      [[FILE, "nowhere"], /^hindsight: "nowhere" is neither an address nor a known symbol\n$/],
      [[FILE, "0x10"], /^hindsight: 8 bytes at 0x10 are not all in memory\n$/],
      [[FILE, "a0", "--at", "9999999999999"], /^hindsight: --at 9999999999999: a cycle from 0/],
    ] as const
  ) {
    const { status, stderr } = await hindsight(["why", ...args]);
    assertEquals(status, 2);
    assertMatch(stderr, message);
  }
});
