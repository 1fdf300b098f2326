/*
 * One to eight harts contend with AMO and LR/SC: counters, locks, and a ring of interrupts between
 * processors. Source: unprivileged specification, A; ACLINT MSWI (msip).
 */
#include "runtime.h"

#define HARTS 8
#define ROUNDS 10000
#define TICKET_EVERY 50 /* a ticket lock hands over in order: slow where harts take turns */
#define LAPS 500

static volatile uint32_t present, go, arrived, lock, ticket_next, ticket_served, done;
static volatile uint64_t amo_count, lrsc_count, lock_count, ticket_count, maximum;
static volatile uint64_t passes, interrupts;

static uint64_t lr_sc_add(volatile uint64_t *to, uint64_t amount) {
  uint64_t old, sum, failed;
  asm volatile(
      "1: lr.d.aqrl %0, %3\n add %1, %0, %4\n sc.d.rl %2, %1, %3\n bnez %2, 1b"
      : "=&r"(old), "=&r"(sum), "=&r"(failed), "+A"(*to)
      : "r"(amount)
      : "memory");
  return old;
}

static void lock_take(void) {
  uint32_t was;
  do asm volatile("amoswap.w.aq %0, %2, %1" : "=r"(was), "+A"(lock) : "r"(1) : "memory");
  while (was);
}
static void lock_free(void) { asm volatile("amoswap.w.rl zero, zero, %0" : "+A"(lock) : : "memory"); }

static void contend(uint64_t hart) {
  for (uint64_t round = 0; round < ROUNDS; round++) {
    __atomic_fetch_add(&amo_count, 1, __ATOMIC_RELAXED);
    lr_sc_add(&lrsc_count, 1);
    asm volatile("amomaxu.d zero, %1, %0" : "+A"(maximum) : "r"(round * HARTS + hart) : "memory");
    lock_take();
    lock_count += 1; /* a plain load and store: only the lock protects it */
    lock_free();
    if (round % TICKET_EVERY) continue;
    uint32_t ticket = __atomic_fetch_add(&ticket_next, 1, __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&ticket_served, __ATOMIC_ACQUIRE) != ticket) {}
    ticket_count += 1;
    __atomic_store_n(&ticket_served, ticket + 1, __ATOMIC_RELEASE);
  }
}

static __attribute__((interrupt("machine"), aligned(4))) void software_interrupt(void) {
  *CLINT_MSIP(csr_read(mhartid)) = 0;
  __atomic_fetch_add(&interrupts, 1, __ATOMIC_RELAXED);
}

static void barrier(void) {
  uint32_t phase = __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL) / present;
  while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) / present == phase) {}
}

/* A token goes round: first taken by polling after wfi, then by an interrupt handler. */
static void ring(uint64_t hart) {
  uint64_t next = (hart + 1) % present;
  csr_set(mie, 8); /* MSIE; mstatus.MIE is off, and wfi resumes all the same */
  if (hart == 0) *CLINT_MSIP(0) = 1;
  for (unsigned lap = 0; lap < LAPS; lap++) {
    while (!(csr_read(mip) & 8)) asm volatile("wfi");
    *CLINT_MSIP(hart) = 0;
    while (csr_read(mip) & 8) {}
    passes++; /* only the holder of the token writes it */
    if (hart + 1 < present || lap + 1 < LAPS) *CLINT_MSIP(next) = 1;
  }
  barrier();
  csr_write(mtvec, (uint64_t)software_interrupt);
  csr_set(mstatus, 8);
  *CLINT_MSIP(next) = 1;
  while (__atomic_load_n(&interrupts, __ATOMIC_ACQUIRE) < present) {}
  csr_clear(mstatus, 8);
}

static void work(uint64_t hart) {
  while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {}
  contend(hart);
  barrier();
  ring(hart);
  __atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
}

void secondary(uint64_t hart) {
  __atomic_fetch_add(&present, 1, __ATOMIC_RELAXED);
  work(hart);
}

int main(void) {
  __atomic_fetch_add(&present, 1, __ATOMIC_RELAXED);
  uint64_t until = *CLINT_MTIME + 100000; /* 10 ms: all harts will have arrived */
  *CLINT_MTIMECMP(0) = until;
  csr_set(mie, 0x80);
  while (*CLINT_MTIME < until) asm volatile("wfi");
  csr_clear(mie, 0x80);
  __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
  work(0);
  while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < present) {}
  print("smp: harts=%lu, amo=%lu, lrsc=%lu, lock=%lu, ticket=%lu, maximum=%lu, passes=%lu, "
        "interrupts=%lu\n", (uint64_t)present, amo_count, lrsc_count, lock_count, ticket_count,
        maximum, passes, interrupts);
  uint64_t all = (uint64_t)present * ROUNDS;
  return !(amo_count == all && lrsc_count == all && lock_count == all && ticket_count == all / TICKET_EVERY &&
           maximum == (ROUNDS - 1) * HARTS + present - 1 && passes == (uint64_t)present * LAPS &&
           interrupts == present);
}
