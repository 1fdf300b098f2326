/** Calls of firmware that its answer shows to be against the SBI, and those that a caller may try. */
import { assertEquals } from "@std/assert";
import type { Breach } from "../../../core/machine.ts";
import { DRAM, Rig } from "../hart/rig.ts";

const HANDLER = DRAM + 0x1000;
const [BASE, PROBE] = [0x10, 3];
const [TIME, IPI, RFENCE, HSM, SRST] = [0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x53525354];
const [NOT_SUPPORTED, INVALID_PARAM, INVALID_ADDRESS, ALREADY_AVAILABLE] = [-2, -3, -5, -6];
const SIE = 2n;

interface Call {
  readonly eid: number;
  readonly fid: number;
  readonly args?: readonly number[];
  /** What the firmware says: error and value. */
  readonly answer: readonly [number, number];
}

/** The firmware answers what the test has put into s10 and s11. */
async function breachesOf(calls: readonly Call[], status = 0n): Promise<string[][]> {
  const rig = await Rig.create({ engine: { linting: true } });
  const breaches: Breach[] = [];
  rig.machine.onBreach = (breach) => breaches.push(breach);
  rig.load("mv a0, s10\nmv a1, s11\ncsrr t0, mepc\naddi t0, t0, 4\ncsrw mepc, t0\nmret", HANDLER);
  const { labels } = rig.load("ecall\nend: j end");
  for (const { eid, fid, args = [], answer } of calls) {
    [...args, 0, 0, 0].slice(0, 3).forEach((arg, i) => rig.setX(10 + i, arg));
    rig.setX(16, fid);
    rig.setX(17, eid);
    answer.forEach((value, i) => rig.setX(26 + i, value));
    rig.set("mtvec", HANDLER);
    rig.set("mstatus", status);
    rig.start(DRAM, 1);
    await rig.runTo(labels.get("end")!);
  }
  return breaches.map(({ rule, text }) => [rule, text]);
}

const VERSION: Call = { eid: BASE, fid: 0, answer: [0, 2 << 24] };
const probed = (eid: number): Call => ({ eid: BASE, fid: PROBE, args: [eid], answer: [0, 1] });
/** Of a call that the firmware refuses, after it was probed. */
const refused = (eid: number, fid: number, error: number, args: readonly number[]) =>
  breachesOf([VERSION, probed(eid), { eid, fid, args, answer: [error, 0] }]);

Deno.test("an extension that is not there and was not probed", async () => {
  const call: Call = { eid: 0x1234, fid: 0, answer: [NOT_SUPPORTED, 0] };
  assertEquals(await breachesOf([VERSION, call]), [
    ["SBI 2.0, 4.4", "extension 0x1234 is called, which is not there and was not probed"],
  ]);
  // Asking is what the base extension is for.
  const asked: Call = { eid: BASE, fid: PROBE, args: [0x1234], answer: [0, 0] };
  assertEquals(await breachesOf([VERSION, asked]), []);
});

Deno.test("a function that no version of its extension has, and one that is optional", async () => {
  assertEquals(await refused(TIME, 1, NOT_SUPPORTED, []), [
    ["SBI 2.0, 3", "function 1 of extension 0x54494d45 is called, which no version has"],
  ]);
  assertEquals(await refused(RFENCE, 3, NOT_SUPPORTED, [1, 0]), []);
});

Deno.test("a hart mask that names a hart that is not there", async () => {
  for (
    const [eid, fid, name] of [[IPI, 0, "send_ipi"], [RFENCE, 1, "remote_sfence_vma"]] as const
  ) {
    assertEquals(await refused(eid, fid, INVALID_PARAM, [1, 64]), [
      [
        "SBI 2.0, 3.1",
        `${name} is refused, invalid parameter: its arguments began with 0x1, 0x40, 0x0`,
      ],
    ]);
  }
});

Deno.test("the start of a hart that has started, and at no address", async () => {
  assertEquals(await refused(HSM, 0, ALREADY_AVAILABLE, [1, DRAM]), [
    [
      "SBI 2.0, 9.1",
      "hart_start is refused, already available: its arguments began with 0x1, 0x80000000, 0x0",
    ],
  ]);
  const [[rule]] = await refused(HSM, 0, INVALID_ADDRESS, [1, 1]);
  assertEquals(rule, "SBI 2.0, 9.1");
});

Deno.test("a hart that is stopped while it may be interrupted", async () => {
  const stop: Call = { eid: HSM, fid: 1, answer: [-1, 0] };
  assertEquals(await breachesOf([VERSION, stop], SIE), [
    ["SBI 2.0, 9.2", "hart_stop is called while sstatus.SIE is set"],
  ]);
  assertEquals(await breachesOf([VERSION, stop]), []);
});

Deno.test("reserved types are a breach, the platform's own may be tried", async () => {
  const [[suspend]] = await refused(HSM, 3, INVALID_PARAM, [1]);
  const [[reset]] = await refused(SRST, 0, INVALID_PARAM, [3, 0]);
  assertEquals([suspend, reset], ["SBI 2.0, 9.4", "SBI 2.0, 10.1"]);
  assertEquals(await refused(HSM, 3, INVALID_PARAM, [0x1000_0000]), []);
  assertEquals(await refused(SRST, 0, INVALID_PARAM, [0xf000_0000, 0]), []);
});

Deno.test("what succeeds is no breach, nor are legacy calls, nor other firmware's", async () => {
  const ok = (eid: number): Call => ({ eid, fid: 0, answer: [0, 0] });
  const getchar: Call = { eid: 2, fid: 0, answer: [INVALID_PARAM, 0] };
  assertEquals(await breachesOf([VERSION, ok(TIME), ok(HSM), getchar]), []);
  assertEquals(await breachesOf([{ eid: 0x1234, fid: 0, answer: [NOT_SUPPORTED, 0] }]), []);
});
