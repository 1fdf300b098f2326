/** Verdicts from what is known of a failure, case by case: who is blamed for what. */
import { assert, assertEquals } from "@std/assert";
import { attribute } from "../../replay/attribution.ts";
import type { Candidate } from "../../replay/attribution_candidates.ts";
import type { Inquiry } from "../../replay/attribution_judgement.ts";
import type { ValueOrigin } from "../../replay/attribution_value.ts";
import type { Failure } from "../../replay/failures/failure.ts";
import type { CountedBreach } from "../../replay/linter/linter.ts";
import type { Kept } from "../../replay/removal.ts";
import type { Outcome } from "../../replay/verdict.ts";

const PANIC: Failure = {
  cycle: 1000,
  hart: 0,
  pc: 0x8000_0000n,
  kind: "panic",
  message: "it cannot go on",
  callers: ["f+0x2", "g+0x4"],
};
const TRAP: Failure = { ...PANIC, trapped: 0x8000_0010n };

function candidate(event: string, cycle: number, manner: Candidate["manner"] = "told"): Candidate {
  const what = { device: "disk0", what: "EIO", origin: "host-environment" } as const;
  return { event, cycle, ...what, manner, isRemovable: !event.includes("net0") };
}

/** @param fails whether the failure comes without these events, or with what is kept of them */
function inquiry(
  fails?: (removed: readonly string[], kept?: Kept) => boolean | undefined,
  origin?: ValueOrigin,
): Inquiry {
  return {
    whatIf: fails && ((removed, _, kept) => {
      const failed = fails(removed, kept);
      const outcome: Outcome = failed === undefined
        ? "undetermined"
        : failed
        ? "not necessary"
        : "necessary";
      return Promise.resolve({ outcome, why: "so it went" });
    }),
    trace: () => Promise.resolve(origin && { links: [], origin }),
    commands: {
      at: (cycle) => `at ${cycle}`,
      event: (cycle) => `event ${cycle}`,
      without: (events, kept) => `without ${[...events, ...kept?.keys() ?? []].join()}`,
      verify: () => "verify",
    },
  };
}

async function judge(
  failure: Failure,
  candidates: readonly Candidate[],
  how: Inquiry,
  breaches: readonly CountedBreach[] = [],
) {
  const seen = { failures: [failure], breaches, divergence: undefined };
  const { verdicts: [verdict] } = await attribute(seen, candidates, how);
  return verdict;
}

Deno.test("an error without which the guest does not panic: the host's trigger, the guest's response", async () => {
  const verdict = await judge(PANIC, [candidate("m/host#0", 900)], inquiry(() => false));
  assertEquals(
    [verdict.side, verdict.responsibility, verdict.response, verdict.grade],
    ["host", "guest", "mishandled", "A"],
  );
  assertEquals(verdict.trigger?.event, "m/host#0");
});

Deno.test("wrong data without which the guest does not panic are all the host's", async () => {
  const verdict = await judge(PANIC, [candidate("m/host#0", 900, "wrong")], inquiry(() => false));
  assertEquals([verdict.side, verdict.responsibility, verdict.grade], ["host", "host", "A"]);
});

Deno.test("a bug that a slow disk brings to light is the guest's", async () => {
  const verdict = await judge(PANIC, [candidate("m/host#0", 900, "legal")], inquiry(() => false));
  assertEquals([verdict.side, verdict.origin, verdict.responsibility], [
    "guest",
    "guest-logic",
    "guest",
  ]);
  assertEquals(verdict.trigger?.event, "m/host#0");
});

Deno.test("of a delay that is too long the part decides that a guest has to bear", async () => {
  const late = { ...candidate("m/host#0", 900, "late"), legalCycles: 10 };
  const judged = async (failsWithLegal: boolean | undefined) => {
    const fails = (_: readonly string[], kept?: Kept) => {
      if (kept) assertEquals([...kept], [["m/host#0", 10]]);
      return kept ? failsWithLegal : false;
    };
    const { side, responsibility, grade } = await judge(PANIC, [late], inquiry(fails));
    return [side, responsibility, grade];
  };
  assertEquals(await judged(false), ["host", "host", "A"]);
  assertEquals(await judged(true), ["guest", "guest", "A"]);
  assertEquals(await judged(undefined), ["host", "host", "C"]);
});

Deno.test("delays that only together are too much are judged together", async () => {
  const all = [0, 1].map((i) => ({
    ...candidate(`m/host#${i}`, 100 * i, "late" as const),
    legalCycles: 10,
  }));
  const { side, grade, chain } = await judge(
    PANIC,
    all,
    inquiry((removed, kept) => kept === undefined && removed.length < 2),
  );
  assertEquals([side, grade], ["host", "A"]);
  assertEquals(chain.some(({ command }) => command === "without m/host#0,m/host#1"), true);
});

Deno.test("a link that is down may have kept from the guest what nobody knows", async () => {
  const link = { ...candidate("m/net1#0", 100), downUntil: Infinity };
  const late = { ...PANIC, cycle: 1_000_000_000 };
  const waiting = await judge(late, [link], inquiry(() => undefined));
  assertEquals([waiting.side, waiting.grade], ["host", "C"]);
  const upAgain = await judge(late, [{ ...link, downUntil: 200 }], inquiry(() => undefined));
  assertEquals(upAgain.side, "unknown");
  const own: ValueOrigin = { kind: "instruction", cycle: 50, what: "it stores 0" };
  const trap = { ...TRAP, cycle: 1_000_000_000 };
  const followed = await judge(trap, [link], inquiry(() => undefined, own));
  assertEquals([followed.side, followed.grade], ["guest", "B"]);
  const reacted = await judge(late, [link], inquiry(() => false));
  assertEquals([reacted.side, reacted.responsibility, reacted.grade], ["host", "guest", "A"]);
});

Deno.test("a command that fails because its read failed has responded as it should", async () => {
  const failure: Failure = { ...PANIC, kind: "fail-code", callers: [] };
  const verdict = await judge(failure, [candidate("m/host#0", 900)], inquiry(() => false));
  assertEquals([verdict.responsibility, verdict.response], ["host", "degraded"]);
});

Deno.test("of several events the one that is necessary is found, and the bystanders are not blamed", async () => {
  const all = ["m/host#0", "m/host#1", "m/host#2"].map((event, i) => candidate(event, 100 * i));
  const { trigger, counterfactual } = await judge(
    PANIC,
    all,
    inquiry((removed) => !removed.includes("m/host#1")),
  );
  assertEquals([trigger?.event, counterfactual?.removed], ["m/host#1", ["m/host#1"]]);
});

Deno.test("events of which any one suffices are blamed together", async () => {
  const all = [candidate("m/host#0", 100), candidate("m/host#1", 200)];
  const verdict = await judge(PANIC, all, inquiry((removed) => removed.length < 2));
  assertEquals(verdict.counterfactual?.removed, ["m/host#0", "m/host#1"]);
  assertEquals([verdict.side, verdict.grade], ["host", "A"]);
});

Deno.test("what came after the failure is no suspect", async () => {
  const verdict = await judge(PANIC, [candidate("m/host#0", 1001)], inquiry(() => false));
  assertEquals([verdict.side, verdict.grade, verdict.counterfactual], ["guest", "B", null]);
});

Deno.test("an event that could not be tried is a hint if it was near, and else nothing", async () => {
  for (const how of [inquiry(), inquiry(() => undefined)]) {
    const late = { ...PANIC, cycle: 1_000_000_000 };
    const { side, responsibility, grade } = await judge(late, [candidate("m/host#0", 999)], how);
    assertEquals([side, responsibility, grade], ["unknown", "unknown", "0"]);
    const near = await judge(PANIC, [candidate("m/host#0", 999)], how);
    assertEquals([near.side, near.grade], ["host", "C"]);
  }
});

Deno.test("what cannot be taken away does not keep the others from being tried", async () => {
  const link = candidate("m/net0#0", 100);
  const guilty = await judge(PANIC, [link, candidate("m/host#0", 200)], inquiry(() => false));
  assertEquals([guilty.trigger?.event, guilty.grade], ["m/host#0", "A"]);
  const late = { ...PANIC, cycle: 1_000_000_000 };
  const open = await judge(late, [link, candidate("m/host#0", 200)], inquiry(() => true));
  assertEquals([open.side, open.trigger?.event], ["unknown", "m/net0#0"]);
});

Deno.test("a faulting value that came in a frame is the peer's, and the guest's to check", async () => {
  const origin: ValueOrigin = {
    kind: "device",
    cycle: 500,
    device: "net0",
    event: "m/net0#3",
    what: "frame, byte 46",
    isOneOfSeveral: false,
  };
  const verdict = await judge(TRAP, [], inquiry(undefined, origin));
  assertEquals(
    [verdict.side, verdict.responsibility, verdict.grade, verdict.trigger?.event],
    ["external", "guest", "B", "m/net0#3"],
  );
  const sum = await judge(TRAP, [], inquiry(undefined, { ...origin, isOneOfSeveral: true }));
  assertEquals(sum.grade, "C");
  const without = await judge(TRAP, [], inquiry(([event]) => event !== "m/net0#3", origin));
  assertEquals([without.side, without.grade], ["external", "A"]);
  assertEquals(without.counterfactual, { removed: ["m/net0#3"], outcome: "necessary" });
});

Deno.test("a value that nobody followed grades a guest's trap no better than C", async () => {
  const verdict = await judge(TRAP, [], inquiry(undefined, { kind: "lost", why: "it is gone" }));
  assertEquals([verdict.side, verdict.grade], ["guest", "C"]);
});

Deno.test("a broken rule shortly before is where the guest's fault began", async () => {
  const breach = {
    device: "disk0",
    hart: 0,
    rule: "VIRTIO 1.2, 2.7.5.2",
    text: "a loop",
    count: 1,
  };
  const near = await judge(PANIC, [], inquiry(), [{ ...breach, cycle: 990 }]);
  assertEquals([near.origin, near.trigger?.cycle], ["guest-contract", 990]);
  const later = await judge(PANIC, [], inquiry(), [{ ...breach, cycle: 1010 }]);
  assertEquals(later.origin, "guest-logic");
});

Deno.test("of an error that the guest bears, it is told what a program made of it", async () => {
  const refused = { cycle: 950, what: "cat: read fails with EIO" };
  const how = { ...inquiry(), refusal: () => Promise.resolve(refused) };
  const seen = { failures: [], breaches: [], divergence: undefined };
  const { failures, verdicts } = await attribute(seen, [candidate("m/host#0", 900)], how);
  const [{ side, response, chain }] = verdicts;
  assertEquals([failures[0].kind, side, response], ["io-error", "host", "tolerated"]);
  assertEquals(chain.at(-1), { ...refused, command: "at 950" });
});

Deno.test("where compiled code and the interpreter part, the emulator is accused, and nobody else is asked", async () => {
  const how: Inquiry = {
    ...inquiry(() => {
      throw new Error("somebody else is asked");
    }),
    tiers: () => Promise.resolve({ from: 0, until: 990, differs: { from: 950, to: 960 } }),
  };
  const { verdicts: [verdict] } = await attribute(
    { failures: [PANIC], breaches: [], divergence: undefined },
    [candidate("m/host#0", 900)],
    how,
  );
  assertEquals([verdict.side, verdict.responsibility], ["emulator", "emulator"]);
  assertEquals(verdict.trigger?.cycle, 950);
});

Deno.test("where they do not part, what is assumed of the emulator says how far that was looked at", async () => {
  const how = { ...inquiry(() => false), tiers: () => Promise.resolve({ from: 0, until: 1010 }) };
  const { verdicts: [{ assumptions }] } = await attribute(
    { failures: [PANIC], breaches: [], divergence: undefined },
    [candidate("m/host#0", 900)],
    how,
  );
  assert(assumptions.some((text) => text.endsWith("from cycle 0 to 1010")), `${assumptions}`);
});
