import { assertEquals, assertThrows } from "@std/assert";
import { assembleProgram } from "./program.ts";

Deno.test("assembleProgram() lays out code and data and resolves labels", () => {
  const { bytes, labels } = assembleProgram(
    `
start:  la a0, datum
        beq a0, zero, start
        j start # a comment
        .align 8
datum:  .dword -1, start
        .half 0x9002`,
    0x8000_0000,
  );
  assertEquals(labels.get("datum"), 0x8000_0010);
  const view = new DataView(bytes.buffer);
  assertEquals(view.getUint32(0, true), 0x00000517); // auipc a0, 0
  assertEquals(view.getUint32(4, true), 0x01050513); // addi a0, a0, 16
  assertEquals(view.getUint32(8, true), 0xfe050ce3); // beq a0, zero, -8
  assertEquals(view.getUint32(12, true), 0xff5ff06f); // j -12
  assertEquals(view.getBigUint64(16, true), 0xffff_ffff_ffff_ffffn);
  assertEquals(view.getBigUint64(24, true), 0x8000_0000n);
  assertEquals(bytes.length, 34);
});

Deno.test("assembleProgram() names the line that it cannot take", () => {
  assertThrows(() => assembleProgram("j nowhere", 0), SyntaxError, 'In "j nowhere"');
});
