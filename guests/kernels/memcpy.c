/* Copies of many sizes and alignments, most of them long and aligned. */
#include "runtime.h"

#define ROUNDS 2500
#define BUFFER_BYTES 0x40000

static uint64_t a[BUFFER_BYTES / 8 + 1], b[BUFFER_BYTES / 8 + 1];

int main(void) {
  uint64_t random = 88172645463325252, sum = 0;
  for (unsigned i = 0; i < BUFFER_BYTES / 8; i++) a[i] = random_next(&random);
  unsigned long start = instret();
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t shift = round % 8 == 7 ? round / 8 % 8 : 0; /* one in eight is misaligned */
    size_t bytes = shift ? 0x4000 : BUFFER_BYTES;
    memcpy((uint8_t *)b + shift, a, bytes);
    memcpy(a, b, bytes);
    sum = sum * 31 + a[round % (BUFFER_BYTES / 8)];
  }
  report("memcpy", sum, instret() - start);
  return 0;
}
