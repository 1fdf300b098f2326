/** Writes the C source of `flat`: a program with a large code footprint, for engines that cache code. */

const FUNCTIONS = 3000;
const STEPS = 16;

/**
 * Thousands of functions, each a straight run of different arithmetic with one branch in it, called
 * one after the other so that no small part of the program is hot.
 */
export function flatSource(): string {
  const lines = ['#include "runtime.h"', "", "#define ROUNDS 3000", ""];
  let random = 12345;
  const next = (bound: number) => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    return (random >>> 8) % bound;
  };
  const step = (): string => {
    const [to, from] = [next(4), next(4)];
    return [
      `v[${to}] += v[${from}] * ${2 * next(500) + 3}UL;`,
      `v[${to}] ^= v[${from}] >> ${1 + next(31)};`,
      `v[${to}] = (v[${from}] << ${1 + next(20)}) - v[${to}];`,
      `v[${to}] += table[v[${from}] % 1024];`,
      `table[v[${from}] % 1024] = v[${to}];`,
      `v[${to}] |= v[${from}] & ${next(1 << 20)}UL;`,
    ][next(6)];
  };
  lines.push("static unsigned long table[1024];", "");
  for (let i = 0; i < FUNCTIONS; i++) {
    lines.push(`static __attribute__((noinline)) void f${i}(unsigned long *v) {`);
    for (let j = 0; j < STEPS; j++) lines.push(`  ${step()}`);
    lines.push(`  if (v[${next(4)}] & ${1 << next(5)}) ${step()}`, "}");
  }
  lines.push("", "int main(void) {", "  unsigned long v[4] = {1, 2, 3, 4};");
  lines.push("  unsigned long start = instret();");
  lines.push("  for (int round = 0; round < ROUNDS; round++) {");
  for (let i = 0; i < FUNCTIONS; i++) lines.push(`    f${i}(v);`);
  lines.push("  }", '  report("flat", v[0] ^ v[1] ^ v[2] ^ v[3], instret() - start);');
  lines.push("  return 0;", "}", "");
  return lines.join("\n");
}
