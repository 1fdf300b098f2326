/*
 * Changes page tables and code under Sv39 and never executes sfence.vma or fence.i. A machine whose
 * translations are coherent by definition sees every change at once: no mismatches. With -DFENCES the
 * same program is correct on any machine, and must print the same checksum.
 * Source: privileged specification, Sv39; unprivileged specification, Zifencei.
 */
#include "runtime.h"

#define ROUNDS 60000
#define PAGES 8   /* virtual pages of the window */
#define FRAMES 16 /* physical pages that they may map to */
#define WINDOW 0x40000000UL
#define SUPERPAGE (WINDOW + 0x200000UL)

#define V 0x01UL
#define R 0x02UL
#define W 0x04UL
#define X 0x08UL
#define A 0x40UL
#define D 0x80UL

#ifdef FENCES
#define SFENCE() asm volatile("sfence.vma" : : : "memory")
#define FENCE_I() asm volatile("fence.i" : : : "memory")
#else
#define SFENCE() asm volatile("" : : : "memory")
#define FENCE_I() asm volatile("" : : : "memory")
#endif

typedef volatile uint64_t page[512];

static page root, level1[2], level0[2][2] __attribute__((aligned(4096)));
static page frames[FRAMES] __attribute__((aligned(4096)));
static page (*const large)[512] = (void *)0x80400000UL; /* two superpages of RAM */
static unsigned now; /* which level1 table the root names */
static uint64_t random = 88172645463325252;
static volatile uint64_t faults;
static uint64_t checksum, mismatches;

static uint64_t pte(volatile void *to, uint64_t flags) { return (uint64_t)to >> 12 << 10 | flags | V; }

/* The leaf of a window page in the tables that are in force. */
static volatile uint64_t *leaf(unsigned i) {
  return &((volatile uint64_t *)(level1[now][0] >> 10 << 12))[i];
}
static volatile uint64_t *window(unsigned i) { return (volatile uint64_t *)(WINDOW + i * 4096); }
static volatile uint64_t *frame_of(unsigned i) { return (volatile uint64_t *)(*leaf(i) >> 10 << 12); }

static void saw(uint64_t value, uint64_t expected) {
  checksum = (checksum << 5 | checksum >> 59) ^ value;
  if (value != expected) mismatches++;
}

/* Demand paging and copy on write: repairs the leaf; returning executes the instruction again. */
static __attribute__((interrupt("supervisor"), aligned(4))) void page_fault(void) {
  unsigned i = (csr_read(stval) - WINDOW) / 4096;
  uint64_t cause = csr_read(scause);
  if (i >= PAGES || (cause != 12 && cause != 13 && cause != 15)) {
    print("fences: unexpected trap %lu at %lx, stval %lx\n", cause, csr_read(sepc), csr_read(stval));
    finish(2);
  }
  volatile uint64_t *to = frames[random_next(&random) % FRAMES];
  if (*leaf(i) & V && cause == 15) { /* write-protected: a copy of its own */
    for (unsigned word = 0; word < 512; word++) to[word] = frame_of(i)[word];
  }
  if (*leaf(i) & V && cause == 13) to = frame_of(i); /* not readable: the same frame again */
  *leaf(i) = pte(to, R | W | X | A | D);
  SFENCE();
  faults++;
}

static void remap(unsigned i, unsigned f) {
  *leaf(i) = pte(frames[f], R | W | X | A | D);
  SFENCE();
  saw(*window(i), *frames[f]);
}

static void unmap(unsigned i) {
  uint64_t before = faults;
  *leaf(i) = 0;
  SFENCE();
  uint64_t value = *window(i);
  saw(value, *frame_of(i));
  saw(faults - before, 1);
}

static void copy_on_write(unsigned i) {
  uint64_t before = faults, value = random_next(&random);
  volatile uint64_t *shared = frame_of(i);
  uint64_t old = shared[1];
  *leaf(i) &= ~W;
  SFENCE();
  saw(window(i)[1], old);
  window(i)[1] = value;
  saw(frame_of(i)[1], value);
  saw(faults - before, 1);
  if (frame_of(i) != shared) saw(shared[1], old);
}

static void execute_only(unsigned i) {
  uint64_t before = faults;
  *leaf(i) &= ~(R | W);
  SFENCE();
  saw(*window(i), *frame_of(i));
  saw(faults - before, 1);
}

static void accessed_and_dirty(unsigned i) {
  *leaf(i) &= ~(A | D);
  SFENCE();
  saw(*window(i), *frame_of(i));
  saw(*leaf(i) & (A | D), A);
  SFENCE();
  window(i)[2] = i;
  saw(*leaf(i) & (A | D), A | D);
}

/* A superpage becomes another superpage, or a table of small pages in its place. */
static void superpage(unsigned kind) {
  unsigned at = random_next(&random) % 512;
  volatile uint64_t *seen = (volatile uint64_t *)(SUPERPAGE + at * 4096);
  level1[now][1] = kind < 2 ? pte(large[kind], R | W | A | D) : pte(level0[now][1], 0);
  SFENCE();
  volatile uint64_t *expected = kind < 2 ? large[kind][at] : frames[at % FRAMES];
  saw(*seen, *expected);
  *seen = random_next(&random);
  saw(*expected, *seen);
}

static void swap_level1(unsigned i) {
  now ^= 1;
  root[WINDOW >> 30] = pte(level1[now], 0);
  SFENCE();
  saw(*window(i), *frame_of(i));
}

static void swap_level0(unsigned i) {
  level1[now][0] = pte(level0[random_next(&random) & 1][0], 0);
  SFENCE();
  saw(*window(i), *frame_of(i));
}

/* Writes `addi a0, zero, immediate; ret` at the end of a frame and calls it through the window. */
static void write_code(volatile uint64_t *frame, unsigned immediate) {
  frame[511] = (uint64_t)0x00008067 << 32 | immediate << 20 | 0x00000513;
}
static uint64_t call(unsigned i) { return ((uint64_t (*)(void))(window(i) + 511))(); }

static void modify_code(unsigned i) {
  unsigned immediate = random_next(&random) % 2048;
  write_code(frame_of(i), immediate); /* by its physical address */
  FENCE_I();
  saw(call(i), immediate);
  write_code(window(i), immediate ^ 1); /* by the address that it runs at */
  FENCE_I();
  saw(call(i), immediate ^ 1);
}

static void remap_code(unsigned i, unsigned f) {
  unsigned other = (f + 1) % FRAMES;
  write_code(frames[f], f);
  write_code(frames[other], other);
  FENCE_I();
  *leaf(i) = pte(frames[f], R | W | X | A | D);
  SFENCE();
  saw(call(i), f);
  *leaf(i) = pte(frames[other], X | A | D);
  SFENCE();
  saw(call(i), other);
  *leaf(i) |= R | W;
  SFENCE();
}

/* A loop that changes one of its own instructions while it runs. */
static void modify_itself(void) {
  uint64_t sum, count = 8;
  asm volatile(
      ".option push\n.option norvc\n"
      "  la t0, 2f\n"
      "  li %0, 0\n"
      "  lw t1, 0(t0)\n"
      "  mv t3, t1\n"
      "1:\n"
      "2: addi %0, %0, 1\n"
      "  li t2, 0x100000\n"
      "  add t1, t1, t2\n" /* the immediate grows by one */
      "  sw t1, 0(t0)\n"
#ifdef FENCES
      "  fence.i\n"
#endif
      "  addi %1, %1, -1\n"
      "  bnez %1, 1b\n"
      "  sw t3, 0(t0)\n"
#ifdef FENCES
      "  fence.i\n"
#endif
      ".option pop\n"
      : "=&r"(sum), "+r"(count)
      :
      : "t0", "t1", "t2", "t3", "memory");
  saw(sum, 36);
}

static void supervisor(void) {
  unsigned long start = csr_read(instret);
  for (unsigned round = 0; round < ROUNDS; round++) {
    unsigned i = random_next(&random) % PAGES, f = random_next(&random) % FRAMES;
    switch (random_next(&random) % 12) {
      case 0: case 1: remap(i, f); break;
      case 2: unmap(i); break;
      case 3: copy_on_write(i); break;
      case 4: execute_only(i); break;
      case 5: accessed_and_dirty(i); break;
      case 6: superpage(f % 3); break;
      case 7: swap_level1(i); break;
      case 8: swap_level0(i); break;
      case 9: modify_code(i); break;
      case 10: remap_code(i, f); break;
      case 11: modify_itself(); break;
    }
    *window(i) += round; /* so that frames differ */
  }
  print("fences: checksum=%lx, mismatches=%lu, faults=%lu, instret=%lu\n", checksum, mismatches,
        faults, csr_read(instret) - start);
  finish(mismatches != 0);
}

int main(void) {
  root[0] = 0 << 10 | R | W | A | D | V;                      /* the devices */
  root[2] = 0x80000000UL >> 12 << 10 | R | W | X | A | D | V; /* RAM */
  root[1] = pte(level1[0], 0);
  for (unsigned t = 0; t < 2; t++) {
    level1[t][0] = pte(level0[t][0], 0);
    level1[t][1] = pte(level0[t][1], 0);
    for (unsigned i = 0; i < PAGES; i++) level0[t][0][i] = pte(frames[i + t], R | W | X | A | D);
    for (unsigned i = 0; i < 512; i++) level0[t][1][i] = pte(frames[i % FRAMES], R | W | A | D);
    for (unsigned i = 0; i < 512; i++) large[t][i][0] = random_next(&random);
  }
  for (unsigned f = 0; f < FRAMES; f++)
    for (unsigned word = 0; word < 8; word++) frames[f][word] = random_next(&random);
  csr_write(pmpaddr0, -1UL);
  csr_write(pmpcfg0, 0x1f);
  csr_write(medeleg, 0xb1ff);
  csr_write(mcounteren, 7);
  csr_write(stvec, (uint64_t)page_fault);
  csr_write(satp, 8UL << 60 | (uint64_t)root >> 12);
  asm volatile("sfence.vma" : : : "memory"); /* the only one: what follows is after it */
  csr_clear(mstatus, 0x1800);
  csr_set(mstatus, 0x0800); /* MPP = S */
  csr_write(mepc, (uint64_t)supervisor);
  asm volatile("mret");
  __builtin_unreachable();
}
