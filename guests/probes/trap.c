/*
 * Many traps from M, S and U mode, some delegated; every one is counted by its cause and its mtval.
 * Source: privileged specification, 3.1.6 (MPP), 3.1.8 (delegation), 3.1.15 and 3.1.16 (mcause, mtval).
 */
#include "runtime.h"

#define ROUNDS 40000
#define NOWHERE 0x01000000UL /* no device, no RAM */

static volatile uint64_t counts[16], supervisor_counts[16], values;
static volatile int leave; /* an environment call returns to machine mode */

/* Instructions with the two lowest bits set are 4 bytes long (unprivileged specification, 1.5). */
static uint64_t after(uint64_t pc) { return pc + ((*(volatile uint16_t *)pc & 3) == 3 ? 4 : 2); }

static __attribute__((interrupt("machine"), aligned(4))) void machine_trap(void) {
  uint64_t cause = csr_read(mcause);
  if (cause >= 16) finish(2);
  counts[cause]++;
  if (cause == 5 || cause == 7) values += csr_read(mtval);
  csr_write(mepc, after(csr_read(mepc)));
  if (leave) csr_set(mstatus, 0x1800);
}

static __attribute__((interrupt("supervisor"), aligned(4))) void supervisor_trap(void) {
  uint64_t cause = csr_read(scause);
  if (cause >= 16) finish(3);
  supervisor_counts[cause]++;
  csr_write(sepc, after(csr_read(sepc)));
}

/* Goes on in the given mode at the next instruction. */
static __attribute__((noinline)) void drop_to(uint64_t mode) {
  csr_clear(mstatus, 0x1800);
  csr_set(mstatus, mode << 11);
  leave = 0;
  asm volatile("la t0, 1f\n csrw mepc, t0\n mret\n 1:" : : : "t0", "memory");
}


static void provoke(void) {
  asm volatile("ecall" : : : "memory");
  asm volatile(".word 0xffffffff" : : : "memory"); /* illegal, 4 bytes */
  asm volatile(".half 0" : : : "memory");          /* illegal, 2 bytes */
  asm volatile("ebreak" : : : "memory");
  asm volatile("lw zero, 0(%0)" : : "r"(NOWHERE) : "memory");
  asm volatile("sw zero, 0(%0)" : : "r"(NOWHERE + 4) : "memory");
}

int main(void) {
  unsigned long start = instret();
  csr_write(mtvec, (uint64_t)machine_trap);
  csr_write(stvec, (uint64_t)supervisor_trap);
  csr_write(pmpaddr0, -1UL);
  csr_write(pmpcfg0, 0x1f);
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t mode = round % 3 == 2 ? 3 : round % 3; /* U, S, M */
    csr_write(medeleg, round % 2 ? 1UL << 8 | 1UL << 2 : 0); /* calls from U, illegal instructions */
    if (mode != 3) drop_to(mode);
    provoke();
    if (mode != 3) {
      if (mode == 0 && round % 2) asm volatile("lw zero, 0(%0)" : : "r"(NOWHERE + 8) : "memory");
      leave = 1;
      asm volatile("lw zero, 0(%0)" : : "r"(NOWHERE + 16) : "memory"); /* never delegated */
      leave = 0;
    }
  }
  uint64_t checksum = values;
  for (unsigned cause = 0; cause < 16; cause++) {
    checksum = checksum * 31 + counts[cause];
    checksum = checksum * 31 + supervisor_counts[cause];
    if (counts[cause] | supervisor_counts[cause])
      print("trap: cause %lu: %lu, delegated %lu\n", (uint64_t)cause, counts[cause],
            supervisor_counts[cause]);
  }
  print("trap: checksum=%lx, instret=%lu\n", checksum, instret() - start);
  return 0;
}
