/** Names of exceptions. Source: RISC-V privileged specification, mcause. */
const CAUSES = [
  "instruction address misaligned",
  "instruction access fault",
  "illegal instruction",
  "breakpoint",
  "load address misaligned",
  "load access fault",
  "store address misaligned",
  "store access fault",
  "environment call from U-mode",
  "environment call from S-mode",
  "",
  "environment call from M-mode",
  "instruction page fault",
  "load page fault",
  "",
  "store page fault",
];

/** @param cause as mcause or scause holds it, no interrupt */
export function causeText(cause: bigint): string {
  return CAUSES[Number(cause & 63n)] || `exception ${cause}`;
}
