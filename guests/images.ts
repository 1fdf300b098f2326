/** Where the built images of our own guests are; `deno task build:guests` makes them. */

/** The guests whose images are committed: flat M-mode programs for the board, entered at 0x8000_0000. */
export const IMAGE_NAMES = [
  "pocket",
  "clerk",
  "sha256",
  "memcpy",
  "list",
  "sort",
  "dhrystone",
  "coremark",
  "bytecode",
  "matrix",
  "fences",
  "race",
  "smp",
  "tally",
  "timer",
  "trap",
  "empty",
  "fragile",
] as const;

/** Programs for Linux in a guest, committed too. */
export const PROGRAM_NAMES = ["lost_updates", "churn", "bank", "teller"] as const;
export type ProgramName = typeof PROGRAM_NAMES[number];

/** A committed image, or `flat`, which is too large to commit. */
export type ImageName = typeof IMAGE_NAMES[number] | "flat";

/** The ELF file of a guest, beside this file wherever the sources come from. */
export function imageUrl(name: ImageName | ProgramName): URL {
  return new URL(`./images/${name}.elf`, import.meta.url);
}
