/*
 * clerk: pocket's kernel with other work to do. `chosen` says which; whoever records it writes a
 * number there, in the image, before the machine starts.
 */
#include "jobs.h"

#define PATIENCE 100 /* ticks without progress */

__attribute__((section(".data"))) volatile uint64_t chosen = 0;
static volatile uint64_t done;

void progress(void) { done++; }

static void oversee(void) {
  for (uint64_t seen = done, since = timer_ticks();; task_sleep(1)) {
    if (done != seen) seen = done, since = timer_ticks();
    if (timer_ticks() - since > PATIENCE) panic("no progress");
  }
}

static void work(void) {
  jobs[chosen]();
  power_off();
}

_Noreturn void main(void) {
  trap_init();
  paging_init();
  plic_init();
  console_init();
  disk_init();
  task_create("clerk", work);
  task_create("overseer", oversee);
  timer_init();
  task_idle();
}
