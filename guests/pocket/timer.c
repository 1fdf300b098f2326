/* The periodic tick. Source: privileged specification, Sstc (stimecmp). */
#include "kernel.h"

#define TICK_TIME (TIMEBASE_HZ / TICK_HZ)

static volatile uint64_t ticks;
static uint64_t next;

uint64_t timer_now(void) { return csr_read(time); }

uint64_t timer_ticks(void) { return ticks; }

void timer_init(void) {
  next = timer_now() + TICK_TIME;
  csr_write(0x14d, next); /* stimecmp */
  csr_set(sie, SIE_STIE);
}

void timer_interrupt(void) {
  ticks++;
  next += TICK_TIME;
  csr_write(0x14d, next);
}
