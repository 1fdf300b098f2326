/** A recorded lab goes on otherwise, with a link that somebody changed: all guests on one branch. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { branchLab } from "../../command/lab_branch.ts";
import { openLab } from "../../command/recorded_lab.ts";
import { readRecordedFile } from "../../command/recording_file.ts";
import { Debugger } from "../../debugger/debugger.ts";
import { runLine } from "../../debugger/command.ts";
import { COMMANDS } from "../../debugger/commands/list.ts";
import { Clients } from "../../debugger/http/clients.ts";
import { LabGuest, type LinkChange } from "../../debugger/lab.ts";
import { SymbolTable } from "../../debugger/symbols/symbols.ts";
import type { OpenLab } from "../../command/recorded_lab.ts";
import { Timeline } from "../../replay/timeline.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const END = 12_000_000;
/** Before anybody has sent anything. */
const EARLY = 20_000;
const turn = () => Promise.resolve();

/** Each says once that it is there; g1's link loses what it says. */
const LAB = {
  guests: Object.fromEntries([1, 2, 3].map((seed) => [
    `g${seed}`,
    { guest: "pocket", seed, nics: [{ end: "switch:lan" }] },
  ])),
  switches: { lan: {} },
  links: { "g1.net0": { impair: { up: { loss: 1 } } } },
};

async function recorded(folder: string): Promise<OpenLab> {
  const [file, path] = [join(folder, "lab.json"), join(folder, "lab.hsr")];
  await Deno.writeTextFile(file, JSON.stringify(LAB));
  const run = ["record", "--lab", file, "--until-cycle", `${END}`, "-o", path];
  const { status, stderr } = await hindsight(run);
  assertEquals([status, stderr], [0, ""]);
  return await openLab(path, readRecordedFile(path).lab!);
}

const change = (link: string, kind: string, more: Partial<LinkChange> = {}): LinkChange => ({
  ...{ at: EARLY, link, kind },
  ...more,
});

Deno.test("a lab goes on with another link", async (test) => {
  await inFolder(async (folder) => {
    const lab = await recorded(folder);
    const received = (log: { readonly entries: OpenLab["guests"][number]["log"]["entries"] }) =>
      log.entries.flatMap((entry) =>
        entry.kind === "input" && entry.input.kind === "frame" ? [`${entry.input.sent}`] : []
      );
    assertEquals(lab.guests.map(({ log }) => received(log)), [
      ["g2/net0>0", "g3/net0>0"],
      ["g3/net0>0"],
      ["g2/net0>0"],
    ]);

    await test.step("and does the same where that changes nothing", async () => {
      // Before anything is sent, while frames are on their way, as one comes, and after all have.
      const [{ cycle: arrival }] = lab.guests[0].log.entries;
      for (const at of [EARLY, arrival - 50_000, arrival, 5_000_000]) {
        const nothing = change("g2.net0", "loss", { at, amount: 0 });
        const { logs, events, end } = await branchLab(lab, [nothing], { turn });
        assertEquals(end, END);
        for (const { name, log } of lab.guests) {
          const { entries, digests, endCycle } = logs.get(name)! as typeof log;
          assertEquals([entries, digests, endCycle], [log.entries, log.digests, log.endCycle]);
        }
        const [first, ...rest] = events;
        assertEquals([first.kind, first.cycle], ["link", at]);
        assertEquals(rest, lab.log.events.filter(({ cycle }) => cycle >= at));
      }
    });

    await test.step("and otherwise where it changes something", async () => {
      const { logs, events } = await branchLab(lab, [change("g2.net0:up", "loss")], { turn });
      assertEquals([...logs.values()].map(received), [["g3/net0>0"], ["g3/net0>0"], []]);
      const ids = events.flatMap((it) => "event" in it ? [it.event] : []);
      assertEquals(ids.sort(), ["g1.net0:up/loss#0", "g2.net0/terms#0", "g2.net0:up/loss#0"]);
      const mended = await branchLab(lab, [change("g1.net0", "loss", { amount: 0 })], { turn });
      assertEquals([...mended.logs.values()].map(received), [
        ["g2/net0>0", "g3/net0>0"],
        ["g1/net0>0", "g3/net0>0"],
        ["g1/net0>0", "g2/net0>0"],
      ]);
    });

    await test.step("from its first cycle to its last", async () => {
      const at = END - 1;
      const { logs } = await branchLab(lab, [change("g1.net0", "flap", { at })], { turn });
      const last = (name: string) => logs.get(name)!.entries.at(-1)!;
      assert(last("g1").cycle === at && last("g2").cycle < at);
      const cut = await branchLab(lab, [change("g1.net0", "partition", { at: 0 })], { turn });
      assertEquals([...cut.logs.values()].map(received), [[], ["g3/net0>0"], ["g2/net0>0"]]);
    });

    await test.step("but not with a change that cannot be", async () => {
      const cases: [LinkChange, RegExp][] = [
        [change("g9.net0", "loss"), /no link g9\.net0, but g1\.net0, g2\.net0, g3\.net0/],
        [change("g1.net0", "loss", { amount: 2 }), /loss: a chance is needed/],
        [change("g1.net0", "rate"), /rate: how much\?/],
        [change("g1.net0", "latency", { amount: 5 }), /latency: a whole number from 1000/],
        [change("g1.net0:up", "flap"), /flap goes both ways: name g1\.net0 alone/],
      ];
      for (const [one, message] of cases) {
        const { message: found } = await assertRejects(
          () => branchLab(lab, [one], { turn }),
          RangeError,
        );
        assertMatch(found, message);
      }
      const twice = [change("g1.net0", "flap"), change("g1.net0", "flap", { at: END - 1 })];
      await assertRejects(() => branchLab(lab, twice, { turn }), RangeError, "already");
    });

    await test.step("in the debugger of each guest", () => debugs(lab));
  });
});

/** Over HTTP reads at other cycles are those of the branch, as long as one is on it. */
async function readsAside(guest: LabGuest, { digest, lost }: { digest: string; lost: string }) {
  const clients = new Clients(() => guest.open());
  const signal = new AbortController().signal;
  const ask = async (name: string, parameters: unknown, at?: number) => {
    const found = COMMANDS.find((command) => command.name === name)!;
    return (await clients.run(found, parameters, at, signal)).data;
  };
  await ask("goto", { cycle: EARLY });
  const early = await ask("digest", {}, EARLY - 1);
  await ask("impair", { link: "g2.net0:up", kind: "loss" });
  assertEquals((await ask("digest", {}, END)).digest, lost);
  assertEquals(await ask("digest", {}, EARLY - 1), early);
  await ask("return", {});
  assertEquals((await ask("digest", {}, END)).digest, digest);
  await clients.close();
}

async function debugs(lab: OpenLab): Promise<void> {
  const timelines = lab.guests.map(({ log, build, config }) =>
    new Timeline({ log, harts: config.harts, createMachine: (host) => build(host) })
  );
  const sentAt = () => Promise.resolve(undefined);
  const guests: LabGuest[] = lab.guests.map(({ name, log }, number) =>
    new LabGuest(name, log.endCycle, "until", EARLY, async (at) => {
      const cursor = await timelines[number].cursor(at);
      const branch = (changes: readonly LinkChange[]) => branchLab(lab, changes, { turn });
      const place = { name, guests, sentAt, change: branch };
      return new Debugger({ cursor, symbols: new SymbolTable([]), lab: place });
    })
  );
  const [one, two] = [await guests[0].open(), await guests[1].open()];
  const run = (debug: Debugger, line: string) => runLine(COMMANDS, debug, line);
  await run(one, "goto end");
  const digest = one.cursor.digest();
  await run(one, `goto ${EARLY}`);

  const { text } = await run(one, "impair g2.net0:up loss");
  assertMatch(text, /^g2\.net0:up: loss; the lab is on a branch from 20000 to 12000000\n/);
  assertMatch(text, /^ {2}\d+ {2}g2\.net0:up\/loss#0 {2}of g2\/net0>0$/m);
  assertEquals([one.cursor.cycle, one.cursor.start, one.cursor.end], [EARLY, EARLY, END]);
  const inputs = one.events!.map(({ input }) => input?.sent);
  assertEquals(inputs, ["g3/net0>0"]);
  await run(one, "goto end");
  const lost = one.cursor.digest();
  assert(lost !== digest);
  await run(one, "goto 5000000");
  await run(one, "reverse-step");
  await run(one, "goto end");
  assertEquals(one.cursor.digest(), lost);

  // The others come along: at once when they look, or when they are opened.
  await two.comply();
  assertEquals([two.cursor.cycle, two.labBranch], [EARLY, one.labBranch]);
  await run(one, "goto 3000000");
  await run(one, "sync");
  const three = await guests[2].open();
  assertEquals([three.cursor.cycle, three.labBranch], [3_000_000, one.labBranch]);
  await run(two, "packet g3/net0>0");
  assert(two.cursor.cycle > EARLY && three.wanted !== undefined);

  // A second change is on the same branch, and nothing of it is changed by hand.
  await run(one, "impair g3.net0 flap 1000000");
  assertEquals([one.labBranch!.from, one.cursor.cycle], [EARLY, 3_000_000]);
  await assertRejects(() => run(one, "set-register a0 1"), Error, "return to the recording first");
  await run(one, "return");
  assertEquals([one.cursor.cycle, one.labBranch], [EARLY, undefined]);
  await run(one, "goto end");
  assertEquals(one.cursor.digest(), digest);
  await run(one, "sync");
  await two.comply();
  assertEquals([two.cursor.cycle, two.labBranch], [END, undefined]);
  await readsAside(guests[0], { digest, lost });
  await run(one, "set-register a0 1");
  await assertRejects(() => run(one, "impair g2.net0 loss"), Error, "`return` first");
  for (const timeline of timelines) timeline.close();
}
