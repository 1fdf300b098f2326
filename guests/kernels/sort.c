/* Quicksort of random 64-bit numbers, with insertion sort at the leaves. */
#include "runtime.h"

#define ROUNDS 14
#define NUMBERS 262144

static uint64_t numbers[NUMBERS];

static void insertion_sort(uint64_t *a, long count) {
  for (long i = 1; i < count; i++) {
    uint64_t x = a[i];
    long j = i - 1;
    for (; j >= 0 && a[j] > x; j--) a[j + 1] = a[j];
    a[j + 1] = x;
  }
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c) {
  if (a > b) return b > c ? b : a < c ? a : c;
  return a > c ? a : b < c ? b : c;
}

static void quicksort(uint64_t *a, long count) {
  while (count > 12) {
    uint64_t pivot = median(a[0], a[count / 2], a[count - 1]);
    long i = 0, j = count - 1;
    for (;;) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i >= j) break;
      uint64_t swap = a[i];
      a[i++] = a[j];
      a[j--] = swap;
    }
    quicksort(a, i); /* the rest by the loop */
    a += i;
    count -= i;
  }
  insertion_sort(a, count);
}

int main(void) {
  uint64_t random = 88172645463325252, check = 0;
  unsigned long start = instret();
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < NUMBERS; i++) numbers[i] = random_next(&random);
    quicksort(numbers, NUMBERS);
    for (unsigned i = 1; i < NUMBERS; i++) {
      if (numbers[i - 1] > numbers[i]) return 1;
      check = check * 31 + numbers[i];
    }
  }
  report("sort", check, instret() - start);
  return 0;
}
