/* The mix of dhrystone: records, small functions, string compares, assignments, little arithmetic. */
#include "runtime.h"

#define ROUNDS 3000000

enum kind { FIRST, SECOND, THIRD };

struct item {
  struct item *other;
  enum kind kind;
  int number;
  char name[32];
};

static struct item items[2];
static int table[50][50];
static volatile int never;

#define NOINLINE static __attribute__((noinline))

NOINLINE int compare(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}

NOINLINE char *copy(char *to, const char *from) {
  char *start = to;
  while ((*to++ = *from++)) {}
  return start;
}

NOINLINE enum kind next_kind(enum kind kind) {
  switch (kind) {
    case FIRST:
      return SECOND;
    case SECOND:
      return never ? FIRST : THIRD;
    default:
      return FIRST;
  }
}

NOINLINE int scale(int a, int b) { return a * 5 + b / 3; }

NOINLINE void fill(int row, int value) {
  table[row][row] = value;
  table[row][row - 1] += 1;
  table[row + 20][row] = table[row][row];
}

NOINLINE void advance(struct item *item) {
  struct item *other = item->other;
  *other = *item;
  other->other = item;
  other->number = scale(item->number, 7) & 0xffff;
  other->kind = next_kind(item->kind);
  if (other->kind == THIRD) item->number ^= other->number;
}

int main(void) {
  char text[32];
  uint64_t check = 0;
  unsigned long start = instret();
  items[0] = (struct item){&items[1], FIRST, 17, "A RECORD'S NAME, 1ST STRING"};
  copy(text, "A RECORD'S NAME, 2ND STRING");
  for (int round = 0; round < ROUNDS; round++) {
    struct item *item = &items[round & 1];
    item->other = &items[~round & 1];
    advance(item);
    int order = compare(item->name, text);
    fill(round % 25 + 1, round + order);
    if (round % 1024 == 0) text[17] = '1' + round / 1024 % 3;
    check = check * 31 + item->other->number + item->other->kind + table[round % 25 + 1][1];
  }
  report("dhrystone", check, instret() - start);
  return 0;
}
