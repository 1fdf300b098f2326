/* Work for a hart alone. */
#include "jobs.h"

static volatile uint64_t rounds = 1000000; /* volatile: or one sum would do for both */

static uint64_t step(uint64_t sum, uint64_t i) { return (sum ^ i) * 0x100000001b3; }

static uint64_t sum(void) {
  uint64_t sum = 0xcbf29ce484222325;
  for (uint64_t i = 0; i < rounds; i++) sum = step(sum, i);
  return sum;
}

/* Twice the same gives the same. */
void cpu_sum(void) {
  uint64_t first = sum();
  progress();
  if (sum() != first) panic("two sums differ");
}

/* Some 30 ms of work have to be done in 100. */
void cpu_deadline(void) {
  uint64_t start = timer_now();
  cpu_sum();
  progress();
  if (timer_now() - start > TIMEBASE_HZ / 10) power_fail(8);
}

static void (*const steps[])(void) = {progress, progress, progress};
static const uint64_t behind = 0x1230;

/* Bug: there are three. */
void cpu_table(void) {
  for (volatile unsigned i = 0; i <= 3; i++) (i < 3 ? steps[i] : (void (*)(void))behind)();
}

void cpu_sum_then_table(void) {
  cpu_sum();
  cpu_table();
}

/* Bug: traps go where there is no code. */
void cpu_lost_vector(void) {
  csr_write(stvec, 0x1000);
  asm volatile(".word 0");
}

/* Bug: jumps into a table of numbers. */
void cpu_misaligned(void) {
  static const uint64_t numbers[2] = {0, 0};
  ((void (*volatile)(void))numbers)();
}
