/* What every kernel and probe may use. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#define csr_read(csr)                                         \
  ({                                                          \
    unsigned long value_;                                     \
    asm volatile("csrr %0, " #csr : "=r"(value_) : : "memory"); \
    value_;                                                   \
  })
#define csr_write(csr, value) asm volatile("csrw " #csr ", %0" : : "r"(value) : "memory")
#define csr_set(csr, bits) asm volatile("csrs " #csr ", %0" : : "r"(bits) : "memory")
#define csr_clear(csr, bits) asm volatile("csrc " #csr ", %0" : : "r"(bits) : "memory")

#define CLINT_MSIP(hart) ((volatile uint32_t *)(0x2000000UL + 4 * (hart)))
#define CLINT_MTIMECMP(hart) ((volatile uint64_t *)(0x2004000UL + 8 * (hart)))
#define CLINT_MTIME ((volatile uint64_t *)0x200bff8UL)

static inline unsigned long instret(void) { return csr_read(minstret); }

/* Knows %s, %lu and %lx. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the one line of a benchmark: NAME: checksum=…, instret=… */
void report(const char *name, uint64_t checksum, unsigned long instret);
/* Ends the machine through the test finisher: 0 is poweroff, anything else a fail code. */
_Noreturn void finish(int status);

/* xorshift64: the next number of a sequence whose state is never 0. */
static inline uint64_t random_next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
