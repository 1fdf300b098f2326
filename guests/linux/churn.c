/*
 * Four threads, on harts of their own where there are so many, that change each other's page tables
 * and code as fast as the kernel lets them: what one takes away or writes anew the others are using.
 * All of it is allowed, so the kernel must fence each change; the program prints that it is done.
 * With an argument it does not ask for the fences of its own code, which is against the rules.
 *
 * A Linux program without a C library. Source: Linux, include/uapi/asm-generic/unistd.h,
 * include/uapi/linux/{sched,mman}.h and arch/riscv/include/uapi/asm/unistd.h.
 */
#define WRITE 64
#define EXIT 93
#define EXIT_GROUP 94
#define SCHED_SETAFFINITY 122
#define SCHED_YIELD 124
#define MUNMAP 215
#define CLONE 220
#define MMAP 222
#define MPROTECT 226
#define MADVISE 233
#define RISCV_FLUSH_ICACHE 259
#define WAIT4 260

#define CLONE_VM 0x100
#define CLONE_FS 0x200
#define CLONE_FILES 0x400
#define CLONE_SIGHAND 0x800
#define CLONE_THREAD 0x10000
#define SIGCHLD 17
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_PRIVATE 2
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MADV_DONTNEED 4

#define THREADS 4
#define ROUNDS 150
#define PAGE 4096l
#define PAGES 16
#define SHARED 0x10000000l
#define CODE 0x20000000l
#define OWN 0x30000000l /* one region for each thread, 1 MiB apart */

static volatile int present, done, failed, forgets;
static char stacks[THREADS][16384] __attribute__((aligned(16)));

static long call(long number, long a, long b, long c, long d, long e) {
  register long a7 asm("a7") = number;
  register long a0 asm("a0") = a;
  register long a1 asm("a1") = b;
  register long a2 asm("a2") = c;
  register long a3 asm("a3") = d;
  register long a4 asm("a4") = e;
  register long a5 asm("a5") = 0;
  asm volatile("ecall"
               : "+r"(a0)
               : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
               : "memory");
  return a0;
}

static void map(long address, long protection) {
  call(MMAP, address, PAGES * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
}

static void touch(long address) {
  for (long page = 0; page < PAGES; page++) ++*(volatile long *)(address + page * PAGE);
}

/* addi a0, zero, number; ret */
static void write_code(long address, int number) {
  *(volatile unsigned *)(address + 4) = 0x00008067;
  *(volatile unsigned *)address = 0x513u | (unsigned)number << 20;
  if (!forgets) call(RISCV_FLUSH_ICACHE, address, address + 8, 0, 0, 0);
}

static int run_code(long address) { return ((int (*)(void))address)(); }

/* A child of one thread, with a copy of everything. */
static void fork_and_touch(long own) {
  long child = call(CLONE, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    touch(own);
    call(EXIT_GROUP, 0, 0, 0, 0, 0);
  }
  touch(own);
  call(WAIT4, child, 0, 0, 0, 0);
}

static void churn(int thread) {
  unsigned long mask = 1ul << thread;
  long own = OWN + thread * 0x100000l;
  call(SCHED_SETAFFINITY, 0, sizeof mask, (long)&mask, 0, 0);
  __atomic_fetch_add(&present, 1, __ATOMIC_SEQ_CST);
  while (present < THREADS) call(SCHED_YIELD, 0, 0, 0, 0, 0);
  for (int round = 0; round < ROUNDS; round++) {
    map(own, PROT_READ | PROT_WRITE);
    touch(own);
    call(MPROTECT, own, PAGES * PAGE, PROT_READ, 0, 0);
    failed |= *(volatile long *)own != 1;
    call(MPROTECT, own, PAGES * PAGE, PROT_READ | PROT_WRITE, 0, 0);
    if (round % 16 == thread) fork_and_touch(own);
    touch(own);
    call(MUNMAP, own, PAGES * PAGE, 0, 0, 0);
    touch(SHARED);
    if (round % THREADS == thread) call(MADVISE, SHARED, PAGES * PAGE, MADV_DONTNEED, 0, 0);
    write_code(CODE + PAGE + thread * 64, round);
    failed |= run_code(CODE + PAGE + thread * 64) != round;
    if (thread == 0) write_code(CODE, round);
    failed |= run_code(CODE) > round + ROUNDS;
  }
  __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

static void other(int thread) {
  churn(thread);
  call(EXIT, 0, 0, 0, 0, 0);
}

/* The new thread has a stack of its own, so it must not return from here. */
static void start(int thread) {
  register long a7 asm("a7") = CLONE;
  register long a0 asm("a0") = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  register long a1 asm("a1") = (long)stacks[thread] + sizeof stacks[thread];
  register long s2 asm("s2") = thread;
  asm volatile("ecall\n bnez a0, 1f\n mv a0, s2\n jalr %1\n 1:"
               : "+r"(a0)
               : "r"(other), "r"(a7), "r"(a1), "r"(s2)
               : "ra", "memory");
  if (a0 < 0) call(EXIT_GROUP, 1, 0, 0, 0, 0);
}

static void print(const char *text) {
  long length = 0;
  while (text[length]) length++;
  call(WRITE, 1, (long)text, length, 0, 0);
}

/* The linker reaches data through gp. */
asm(".globl _start\n_start:\n.option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
    "mv a0, sp\ntail begin");

__attribute__((noreturn, used)) void begin(const long *arguments) {
  forgets = arguments[0] > 1;
  map(SHARED, PROT_READ | PROT_WRITE);
  map(CODE, PROT_READ | PROT_WRITE | PROT_EXEC);
  write_code(CODE, 0);
  for (int thread = 1; thread < THREADS; thread++) start(thread);
  churn(0);
  while (done < THREADS) call(SCHED_YIELD, 0, 0, 0, 0, 0);
  print(failed ? "churn: wrong\n" : "churn: done\n");
  call(EXIT_GROUP, failed, 0, 0, 0, 0);
  __builtin_unreachable();
}
