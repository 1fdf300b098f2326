/* Matrix multiplication in double precision. */
#include "runtime.h"

#define ROUNDS 7
#define SIZE 256

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void multiply(void) {
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) c[i][j] = 0;
    for (int k = 0; k < SIZE; k++)
      for (int j = 0; j < SIZE; j++) c[i][j] += a[i][k] * b[k][j];
  }
}

int main(void) {
  uint64_t random = 88172645463325252, check = 0;
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = (double)(int64_t)random_next(&random) / 9223372036854775808.0;
      b[i][j] = (double)(int64_t)random_next(&random) / 9223372036854775808.0;
    }
  unsigned long start = instret();
  for (unsigned round = 0; round < ROUNDS; round++) {
    multiply();
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j++) {
        uint64_t bits;
        __builtin_memcpy(&bits, &c[i][j], 8);
        check = check * 31 + bits;
        a[i][j] = c[i][j] / SIZE;
      }
  }
  report("matrix", check, instret() - start);
  return 0;
}
