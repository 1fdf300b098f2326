/* Traps from supervisor mode to itself. Source: privileged specification, scause. */
#include "kernel.h"

static const char *const causes[16] = {
    [0] = "instruction address misaligned", [1] = "instruction access fault",
    [2] = "illegal instruction",            [3] = "breakpoint",
    [4] = "load address misaligned",        [5] = "load access fault",
    [6] = "store address misaligned",       [7] = "store access fault",
    [12] = "instruction page fault",        [13] = "load page fault",
    [15] = "store page fault",
};
static const char *const names[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

void trap_entry(void);

void trap_init(void) { csr_write(stvec, (uint64_t)trap_entry); }

static void print_register(const char *name, uint64_t value, char end) {
  const char *pad = "      ";
  for (const char *p = name; *p; p++) pad++;
  print(" %s%s 0x%016lx%c", pad, name, value, end);
}

static _Noreturn void panic_trap(const struct trap_frame *frame, uint64_t cause) {
  const char *what = cause < 16 && causes[cause] ? causes[cause] : "unknown cause";
  print("pocket: panic: %s in task %s\n", what, task_name());
  print_register("scause", cause, ' ');
  print_register("sepc", frame->sepc, ' ');
  print_register("stval", csr_read(stval), '\n');
  for (unsigned i = 1; i < 32; i++) print_register(names[i], frame->x[i], i % 3 && i < 31 ? ' ' : '\n');
  print(" after %lu instructions, time %lu\n", csr_read(instret), timer_now());
  power_fail(1);
}

_Noreturn void panic(const char *why) {
  interrupts_off();
  print("pocket: panic: %s in task %s\n", why, task_name());
  power_fail(1);
}

void trap(struct trap_frame *frame) {
  uint64_t cause = csr_read(scause);
  if (!(cause & SCAUSE_INTERRUPT)) panic_trap(frame, cause);
  switch (cause & ~SCAUSE_INTERRUPT) {
    case SCAUSE_TIMER:
      timer_interrupt();
      break;
    case SCAUSE_EXTERNAL:
      plic_interrupt();
      break;
  }
  task_schedule();
}
