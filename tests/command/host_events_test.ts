/** What `info` and `events` say of the host's side of a recording. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

Deno.test("events lists host events, info counts them", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    const flags = ["--guest", "pocket", "--until-cycle", "60_000_000", "-o", path];
    const recorded = await hindsight(["record", ...flags], { input: "help\n" });
    assertEquals([recorded.status, recorded.stderr], [0, ""]);

    const listed = await hindsight(["events", path, "--kind", "host", "--json"]);
    const events = JSON.parse(listed.stdout).filter((it: { event: string }) => it.event !== "stall" // as this host pleases
    );
    const [{ cycle }] = events;
    assertEquals(events, [{
      cycle,
      id: events[0].id,
      machine: "m",
      device: "host",
      kind: "host",
      version: 1,
      event: "end-closed",
      concerns: "uart0",
      text: "the other end of the console has closed",
    }]);
    const lines = (await hindsight(["events", path, "--kind", "host"])).stdout;
    assertMatch(lines, / m\/host#\d+ +host +event end-closed, concerns uart0, text the other end/);

    const facts = JSON.parse((await hindsight(["info", path, "--json"])).stdout);
    assertEquals(facts.hostEvents["end-closed"], 1);
    assertMatch((await hindsight(["info", path])).stdout, /^host events +.*\b1 end-closed\b/m);
    const verified = await hindsight(["verify", path]);
    assertEquals([verified.status, verified.stderr], [0, ""]);
  });
});
