/* A heap that only grows, and the memory functions that the compiler may call. */
#include "kernel.h"

#define HEAP_BYTES 0x10000

static uint8_t heap[HEAP_BYTES] __attribute__((aligned(16)));
static size_t heap_used;

void *heap_alloc(size_t bytes) {
  bool on = interrupts_off();
  size_t start = heap_used;
  if (bytes > HEAP_BYTES - start) panic("the heap is full");
  heap_used += (bytes + 7) & ~7UL;
  interrupts_restore(on);
  return heap + start;
}

void *memcpy(void *to, const void *from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  while (bytes--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  uint8_t *t = to;
  while (bytes--) *t++ = value;
  return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const uint8_t *p = a, *q = b;
  for (; bytes--; p++, q++)
    if (*p != *q) return *p - *q;
  return 0;
}
