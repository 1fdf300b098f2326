/* Work with time. */
#include "jobs.h"

#define STEP (TIMEBASE_HZ / 50) /* 20 ms: nobody takes so long from one look to the next */
#define ROUNDS 40

static uint64_t *volatile nothing;

static void watch(uint64_t step) {
  uint64_t end = timer_now() + TIMEBASE_HZ / 25, seen = timer_now();
  while (seen < end) {
    uint64_t now = timer_now();
    if (now < seen) panic("time went back");
    if (now - seen > step) panic("time is missing");
    seen = now;
    progress();
  }
}

/* Time goes on, and in small steps. */
void timer_steady(void) { watch(STEP); }

/* Bug: wants the hart for itself; two milliseconds are soon gone. */
void timer_hasty(void) { watch(STEP / 10); }

/* Bug: nothing will ever wake it. */
void timer_disarmed(void) {
  interrupts_off();
  csr_write(0x14d, UINT64_MAX);
  for (;;) asm volatile("wfi");
}

/* Bug: a tick does not fit into eight bits. */
void timer_narrow(void) {
  uint8_t until = 0;
  for (unsigned i = 0; i < ROUNDS; i++) {
    until = timer_ticks() + 250;
    if (until < 250 && i > 0) panic("a deadline is in the past");
    progress();
    task_sleep(2);
  }
}

/* Bug: the difference of two times has a sign. */
void timer_unsigned(void) {
  uint64_t early = timer_ticks();
  task_sleep(3);
  if (early - timer_ticks() > 10) panic("three ticks take longer than ten");
}

/* Bug: a time that is noted nowhere. */
void timer_sleep_then_null(void) {
  for (unsigned i = 0; i < ROUNDS; i++) progress(), task_sleep(1);
  *nothing = timer_now();
}
