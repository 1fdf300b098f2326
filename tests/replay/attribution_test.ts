/** Verdicts from what is known of a failure, case by case: who is blamed for what. */
import { assertEquals } from "@std/assert";
import { attribute } from "../../replay/attribution.ts";
import type { Candidate } from "../../replay/attribution_candidates.ts";
import type { Inquiry } from "../../replay/attribution_judgement.ts";
import type { ValueOrigin } from "../../replay/attribution_value.ts";
import type { Failure } from "../../replay/failures/failure.ts";
import type { CountedBreach } from "../../replay/linter/linter.ts";
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

/** @param fails whether the failure comes without these events */
function inquiry(
  fails?: (removed: readonly string[]) => boolean | undefined,
  origin?: ValueOrigin,
): Inquiry {
  return {
    whatIf: fails && ((removed) => {
      const failed = fails(removed);
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
      without: (events) => `without ${events.join()}`,
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
