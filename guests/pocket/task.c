/* Preemptive round robin over tasks that each have a stack of their own. */
#include "kernel.h"

#define TASKS 3 /* task 0 is the boot stack: it idles */
#define STACK_BYTES 8192

struct task {
  const char *name;
  uint64_t sp;          /* while it does not run: see task_switch */
  uint64_t wake_tick;   /* does not run before this tick */
  volatile bool *until; /* nor, if not null, before this is true */
};

void task_switch(uint64_t *save_sp, uint64_t load_sp);
void task_start(void);

static uint8_t stacks[TASKS][STACK_BYTES] __attribute__((aligned(16)));
static struct task tasks[TASKS] = {{.name = "idle"}};
static unsigned count = 1, current;

const char *task_name(void) { return tasks[current].name; }

void task_create(const char *name, void (*run)(void)) {
  if (count == TASKS) panic("too many tasks");
  uint64_t *sp = (uint64_t *)(stacks[count] + STACK_BYTES) - 14;
  sp[0] = (uint64_t)task_start; /* ra */
  sp[2] = (uint64_t)run;        /* s1 */
  tasks[count++] = (struct task){.name = name, .sp = (uint64_t)sp};
}

static bool runnable(const struct task *task) {
  return task->wake_tick <= timer_ticks() && (!task->until || *task->until);
}

static unsigned choose(void) {
  for (unsigned i = 1; i <= count; i++) {
    unsigned candidate = (current + i) % count;
    if (candidate && runnable(&tasks[candidate])) return candidate;
  }
  return 0;
}

void task_schedule(void) {
  unsigned from = current, to = choose();
  if (from == to) return;
  current = to;
  task_switch(&tasks[from].sp, tasks[to].sp);
}

static void block(uint64_t wake_tick, volatile bool *until) {
  bool on = interrupts_off();
  tasks[current].wake_tick = wake_tick;
  tasks[current].until = until;
  task_schedule();
  tasks[current].until = NULL; /* it may be reused: preemption must not wait for it */
  interrupts_restore(on);
}

void task_sleep(uint64_t ticks) { block(timer_ticks() + ticks, NULL); }

void task_wait(volatile bool *until) { block(0, until); }

/* Called when a task's function returns. */
_Noreturn void task_exit(void) {
  for (;;) block(UINT64_MAX, NULL);
}

/* Interrupts stay off from the look at the tasks to the wfi, so that no wake-up is missed:
   wfi resumes for a pending interrupt whatever sstatus.SIE says. */
_Noreturn void task_idle(void) {
  for (;;) {
    interrupts_off();
    task_schedule();
    asm volatile("wfi");
    interrupts_restore(true);
  }
}
