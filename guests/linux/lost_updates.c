/*
 * A race in user space: two threads, on harts of their own where there are two, add to one counter
 * without a lock, and the program prints how many additions were lost. That number follows from
 * when the harts take turns and when the kernel interrupts them, and from nothing else.
 *
 * A Linux program without a C library. Source: Linux, include/uapi/asm-generic/unistd.h and
 * include/uapi/linux/sched.h; RISC-V calling convention.
 */
#define WRITE 64
#define EXIT 93
#define EXIT_GROUP 94
#define SCHED_SETAFFINITY 122
#define SCHED_YIELD 124
#define CLONE 220

#define CLONE_VM 0x100
#define CLONE_FS 0x200
#define CLONE_FILES 0x400
#define CLONE_SIGHAND 0x800
#define CLONE_THREAD 0x10000

#define THREADS 2
#define ROUNDS 4000000l /* some tens of time slices where the threads share a hart */

static volatile long counter, present, done;
static char stack[16384] __attribute__((aligned(16)));

static long call(long number, long a, long b, long c) {
  register long a7 asm("a7") = number;
  register long a0 asm("a0") = a;
  register long a1 asm("a1") = b;
  register long a2 asm("a2") = c;
  asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
  return a0;
}

/* Where there is no such hart the thread stays where it is. */
static void move_to(int hart) {
  unsigned long mask = 1ul << hart;
  call(SCHED_SETAFFINITY, 0, sizeof mask, (long)&mask);
}

static void contend(void) {
  __atomic_fetch_add(&present, 1, __ATOMIC_SEQ_CST);
  while (present < THREADS) call(SCHED_YIELD, 0, 0, 0);
  for (long round = 0; round < ROUNDS; round++) counter = counter + 1;
  __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

static void second(void) {
  move_to(1);
  contend();
  call(EXIT, 0, 0, 0);
}

/* The new thread has a stack of its own, so it must not return from here. */
static void start(void (*thread)(void)) {
  register long a7 asm("a7") = CLONE;
  register long a0 asm("a0") = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  register long a1 asm("a1") = (long)(stack + sizeof stack);
  asm volatile("ecall\n bnez a0, 1f\n jalr %1\n 1:"
               : "+r"(a0)
               : "r"(thread), "r"(a7), "r"(a1)
               : "ra", "memory");
  if (a0 < 0) call(EXIT_GROUP, 1, 0, 0);
}

static void print(const char *text) {
  long length = 0;
  while (text[length]) length++;
  call(WRITE, 1, (long)text, length);
}

static void print_number(long number) {
  char digits[21];
  int at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = '0' + number % 10;
  while (number /= 10);
  print(digits + at);
}

__attribute__((noreturn)) void _start(void) {
  start(second);
  move_to(0);
  contend();
  while (done < THREADS) call(SCHED_YIELD, 0, 0, 0);
  print("lost updates: ");
  print_number(THREADS * ROUNDS - counter);
  print("\n");
  call(EXIT_GROUP, 0, 0, 0);
  __builtin_unreachable();
}
