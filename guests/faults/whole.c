/* What concerns the whole guest. */
#include "jobs.h"

#define ENTRIES 20

static volatile bool never;
static int64_t accounts[4];

void whole_sound(void) {
  for (unsigned i = 0; i < ENTRIES; i++) progress(), task_sleep(1);
}

/* Bug: waits for what nobody does. */
void whole_forgotten(void) { task_wait(&never); }

static uint64_t deeper(volatile uint64_t depth) { return depth ? deeper(depth + 1) + depth : 0; }

/* Bug: no end. */
void whole_recursion(void) { print("clerk: %lu\n", deeper(1)); }

/* Bug: one of twenty transfers credits what it has not debited. */
void whole_audit(void) {
  for (int i = 0; i < ENTRIES; i++) {
    accounts[i % 4] += i;
    accounts[(i + 1) % 4] -= i == 13 ? i - 1 : i;
    progress();
    task_sleep(1);
  }
  if (accounts[0] + accounts[1] + accounts[2] + accounts[3]) power_fail(4);
}
