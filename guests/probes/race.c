/*
 * A lost update in straight-line code: the main loop adds to a counter without atomicity, a timer
 * interrupt does too, and there is no branch between the load and the store. A machine that takes
 * interrupts between blocks only never shows it. Source: privileged specification, 3.1.9: interrupts
 * are taken between any two instructions.
 */
#include "runtime.h"

#define INTERRUPTS 10000
#define PERIOD 13 /* ticks of 100 ns */

#define MTIP 0x80

static volatile uint64_t counter, interrupts;

static __attribute__((interrupt("machine"), aligned(4))) void timer_interrupt(void) {
  if (csr_read(mcause) != (1UL << 63 | 7)) finish(2);
  counter++;
  interrupts++;
  *CLINT_MTIMECMP(0) = interrupts < INTERRUPTS ? *CLINT_MTIME + PERIOD : -1UL;
}

/* 43 instructions within a page: load, work, store. */
static __attribute__((noinline, aligned(256))) void add_slowly(void) {
  uint64_t value;
  asm volatile("ld %0, %1\n\t"
               "addi %0, %0, 1\n\t"
               ".rept 40\n\t"
               "xor t0, t0, %0\n\t"
               ".endr\n\t"
               "sd %0, %1"
               : "=&r"(value), "+m"(counter)
               :
               : "t0");
}

int main(void) {
  uint64_t updates = 0;
  csr_write(mtvec, (uint64_t)timer_interrupt);
  csr_set(mie, MTIP);
  *CLINT_MTIMECMP(0) = *CLINT_MTIME + PERIOD;
  csr_set(mstatus, 8);
  while (interrupts < INTERRUPTS) {
    add_slowly();
    updates++;
  }
  csr_clear(mstatus, 8);
  updates += interrupts;
  print("race: lost %lu of %lu\n", updates - counter, updates);
  return 0;
}
