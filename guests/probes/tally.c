/*
 * Lost updates that show now and then: the main loop draws lots, and both it and the timer's
 * interrupt count in one tally. Of the 4,300 instructions or so of a draw the interrupt must come at
 * one of three, those after the load of the tally and up to its store. Undisturbed it never does.
 * A second hart, if there is one, draws too, and the two have a tally of their own.
 */
#include "runtime.h"

#define INTERRUPTS 200
#define PERIOD 1000 /* ticks of 100 ns */
#define LUCKY 512   /* one lot of so many */
#define SEED 41

#define MTIP 0x80
#define MIE 8

static volatile uint64_t tally, interrupts;
static volatile uint64_t harts_tally, other_draws;
static volatile uint32_t is_over, is_drawing;

static __attribute__((interrupt("machine"), aligned(4))) void timer_interrupt(void) {
  if (csr_read(mcause) != (1UL << 63 | 7)) finish(2);
  tally++;
  interrupts++;
  *CLINT_MTIMECMP(0) += PERIOD;
}

static void draw(uint64_t *lots) {
  while (random_next(lots) % LUCKY) {}
}

void secondary(uint64_t hart) {
  uint64_t lots = SEED + hart;
  is_drawing = 1;
  while (!is_over) {
    draw(&lots);
    harts_tally++;
    other_draws++;
  }
  is_drawing = 0;
}

static int is_right(uint64_t draws) {
  csr_clear(mstatus, MIE);
  int right = tally == draws + interrupts;
  csr_set(mstatus, MIE);
  return right;
}

int main(void) {
  uint64_t draws = 0, lots = SEED;
  csr_write(mtvec, (uint64_t)timer_interrupt);
  csr_set(mie, MTIP);
  *CLINT_MTIMECMP(0) = *CLINT_MTIME + PERIOD;
  csr_set(mstatus, MIE);
  while (interrupts < INTERRUPTS && is_right(draws)) {
    draw(&lots);
    tally++; /* as it should not be done: a load, an addition, a store */
    harts_tally++;
    draws++;
  }
  csr_clear(mstatus, MIE);
  is_over = 1;
  while (is_drawing) {}
  uint64_t lost = draws + interrupts - tally, lost_to_hart = draws + other_draws - harts_tally;
  print("tally: %lu draws, %lu interrupts, lost %lu to interrupts and %lu to the other hart\n",
        draws + other_draws, interrupts, lost, lost_to_hart);
  return lost + lost_to_hart > 0;
}
