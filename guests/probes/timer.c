/* Sleeps and timer interrupts through mtimecmp. Source: privileged specification, 3.2.1; ACLINT MTIMER. */
#include "runtime.h"

#define SLEEPS 200
#define INTERRUPTS 300
#define PERIOD 1000 /* ticks of 100 ns */

#define MTIP 0x80

static volatile uint64_t interrupts, next;
static uint64_t errors;

static void expect(int condition, const char *what) {
  if (condition) return;
  errors++;
  print("timer: %s\n", what);
}

static __attribute__((interrupt("machine"), aligned(4))) void timer_interrupt(void) {
  if (csr_read(mcause) != (1UL << 63 | 7)) finish(2);
  interrupts++;
  next += PERIOD;
  *CLINT_MTIMECMP(0) = next;
}

/* wfi resumes for a pending and enabled interrupt even while mstatus.MIE is off. */
static void sleeps(void) {
  for (uint64_t i = 1; i <= SLEEPS; i++) {
    uint64_t until = *CLINT_MTIME + i * 37 % 1009;
    *CLINT_MTIMECMP(0) = until;
    while (!(csr_read(mip) & MTIP)) asm volatile("wfi");
    expect(*CLINT_MTIME >= until, "woke too early");
    expect(csr_read(time) >= until, "time is behind mtime");
  }
  *CLINT_MTIMECMP(0) = -1UL;
  expect(!(csr_read(mip) & MTIP), "MTIP stays although mtimecmp is ahead");
}

/* Half of the interrupts come during wfi, half in the middle of a loop. */
static void interrupted(void) {
  uint64_t spins = 0;
  next = *CLINT_MTIME + PERIOD;
  *CLINT_MTIMECMP(0) = next;
  csr_set(mstatus, 8);
  while (interrupts < INTERRUPTS / 2) asm volatile("wfi");
  while (interrupts < INTERRUPTS) spins++;
  csr_clear(mstatus, 8);
  *CLINT_MTIMECMP(0) = -1UL;
  expect(interrupts == INTERRUPTS, "an interrupt too many");
  expect(spins > 0, "the loop did not run");
}

static void halves(void) {
  volatile uint32_t *compare = (volatile uint32_t *)CLINT_MTIMECMP(0);
  compare[0] = 5;
  expect(!(csr_read(mip) & MTIP), "the low half alone made it pending");
  compare[1] = 0;
  expect(csr_read(mip) & MTIP, "mtimecmp in the past is not pending");
  *CLINT_MTIMECMP(0) = *CLINT_MTIME + 100000000;
  expect(!(csr_read(mip) & MTIP), "pending ten seconds too early");
  *CLINT_MTIME = *CLINT_MTIME + 100000000;
  expect(csr_read(mip) & MTIP, "not pending after mtime was moved");
}

int main(void) {
  csr_write(mtvec, (uint64_t)timer_interrupt);
  csr_set(mie, MTIP);
  uint64_t start = *CLINT_MTIME;
  sleeps();
  interrupted();
  uint64_t elapsed = *CLINT_MTIME - start;
  halves();
  uint64_t asked = (uint64_t)INTERRUPTS * PERIOD;
  for (uint64_t i = 1; i <= SLEEPS; i++) asked += i * 37 % 1009;
  expect(elapsed >= asked, "less time has passed than was asked for");
  print("timer: sleeps=%lu, interrupts=%lu, asked=%lu, elapsed=%lu, errors=%lu\n",
        (uint64_t)SLEEPS, interrupts, asked, elapsed, errors);
  return errors != 0;
}
