/** Failures that no name tells, only the state of harts: with guests that have no symbols at all. */
import { assertEquals, assertMatch } from "@std/assert";
import { observe } from "./tiny.ts";

const CYCLES = 3_000_000;
const SET_VECTOR = ["auipc t0,0x0", "addi t0,t0,20", "csrrw zero,mtvec,t0"];

Deno.test("the same trap for ever is a trap loop, from its first time on", async () => {
  // The handler goes back to what trapped.
  const { failures } = await observe(
    [...SET_VECTOR, "addi a0,zero,1", "ld a1,0(zero)", "mret"],
    CYCLES,
  );
  assertEquals(failures.map(({ kind, hart, pc }) => [kind, hart, pc]), [
    ["trap-loop", 0, 0x8000_0010n],
  ]);
  assertMatch(failures[0].message, /load access fault, address 0x0, at 0x80000010$/);
});

Deno.test("a handler that changes anything each time is no trap loop", async () => {
  const handler = ["addi a0,a0,1", "mret"];
  const { failures } = await observe(
    [...SET_VECTOR, "addi a0,zero,1", "ld a1,0(zero)", ...handler],
    CYCLES,
  );
  assertEquals(failures, []);
});

Deno.test("environment calls from one place are no trap loop", async () => {
  // The handler returns behind the call, and the program calls again.
  const handler = [
    "csrrs t1,mepc,zero",
    "addi t1,t1,4",
    "csrrw zero,mepc,t1",
    "addi t1,zero,0",
    "mret",
  ];
  const code = [
    "auipc t0,0x0",
    "addi t0,t0,20",
    "csrrw zero,mtvec,t0",
    "ecall",
    "jal zero,0x8000000c",
  ];
  const { failures } = await observe([...code, ...handler], CYCLES);
  assertEquals(failures, []);
});

Deno.test("a trap vector that traps is a double fault", async () => {
  const { failures } = await observe(["csrrw zero,mtvec,zero", "ld a1,0(zero)"], CYCLES);
  assertEquals(failures.map(({ kind, hart, pc }) => [kind, hart, pc]), [["double-fault", 0, 0n]]);
  assertMatch(failures[0].message, /instruction access fault/);
});

Deno.test("a vector that saves registers where there is no memory is a double fault, though its stack moves on", async () => {
  const handler = ["addi sp,sp,-16", "sd ra,0(sp)", "mret"];
  const { failures } = await observe(
    [...SET_VECTOR, "addi sp,zero,0", "ld a1,0(zero)", ...handler],
    CYCLES,
  );
  assertEquals(failures.map(({ kind, hart, pc }) => [kind, hart, pc]), [
    ["double-fault", 0, 0x8000_0018n],
  ]);
  assertMatch(failures[0].message, /store access fault/);
});

Deno.test("a hart whose timer is set beyond the end of time is asleep; one whose timer is set late is not", async () => {
  const STIE = 32;
  const armed = (stimecmp: string) => [
    stimecmp,
    "csrrw zero,stimecmp,t0",
    "addi t1,zero,-1",
    "csrrw zero,menvcfg,t1",
    `addi t1,zero,${STIE}`,
    "csrrw zero,mie,t1",
    "wfi",
  ];
  const { failures: [failure, ...others] } = await observe(armed("addi t0,zero,-1"), CYCLES);
  assertEquals([failure?.kind, others], ["asleep", []]);
  assertMatch(failure.message, /neither a timer nor a device will raise one$/);
  assertEquals((await observe(armed("lui t0,0x7ffff"), CYCLES)).failures, []);
});

Deno.test("a guest that ends itself in the handler of its own trap says which instruction trapped", async () => {
  const fail = ["lui t0,0x100", "lui t1,0x73", "addi t1,t1,819", "sw t1,0(t0)"];
  const trap = [...SET_VECTOR, "addi a0,zero,1", "ld a1,0(zero)"];
  const { failures: [failure] } = await observe([...trap, ...fail], CYCLES);
  assertEquals([failure?.kind, failure?.code, failure?.trapped], ["fail-code", 7, 0x8000_0010n]);
  assertMatch(failure.message, /code 7, in the handler of a trap: load access fault, address 0x0/);
  // The handler has returned, behind the load, when it ends itself.
  const back = ["auipc t1,0x0", "addi t1,t1,20", "csrrw zero,mepc,t1", "mret", "addi a0,zero,0"];
  const { failures: [later] } = await observe([...trap, ...back, ...fail], CYCLES);
  assertEquals([later?.kind, later?.code, later?.trapped], ["fail-code", 7, undefined]);
});

Deno.test("a hart that nothing can wake is asleep; one with a timer is not", async () => {
  const { failures } = await observe(["csrrw zero,mie,zero", "wfi"], CYCLES);
  assertEquals(failures.map(({ kind, hart }) => [kind, hart]), [["asleep", 0]]);
  // A timer that it does not listen to, and interrupts that only a hart could raise.
  const armed = ["lui t1,0x2004", "lui t2,0x10000", "sd t2,0(t1)"];
  const deaf = await observe(
    [...armed, "addi t0,zero,10", "csrrw zero,mie,t0", "wfi"],
    CYCLES,
  );
  assertEquals(deaf.failures.map(({ kind, hart }) => [kind, hart]), [["asleep", 0]]);
  const awake = await observe(
    ["addi t0,zero,128", "csrrw zero,mie,t0", "jal zero,0x80000008"],
    CYCLES,
  );
  assertEquals(awake.failures, []);
});

Deno.test("a fail code is a failure at its store, a poweroff is none", async () => {
  const ends = (
    word: number,
  ) => ["lui t0,0x100", `lui t1,${word >>> 12}`, `addi t1,t1,${word & 0xfff}`, "sw t1,0(t0)"];
  const { failures } = await observe(ends(0x7_3333), CYCLES);
  assertEquals(failures.map(({ kind, hart, message }) => [kind, hart, message]), [
    ["fail-code", 0, "the guest failed with code 7"],
  ]);
  assertEquals((await observe(ends(0x5555), CYCLES)).failures, []);
});
