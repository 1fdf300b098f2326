/* A singly linked list in shuffled memory order: walks, reversals, merge sort. */
#include "runtime.h"

#define ROUNDS 4000
#define NODES 8192

struct node {
  struct node *next;
  uint64_t key;
};

static struct node nodes[NODES];

static struct node *shuffled(uint64_t *random) {
  static unsigned order[NODES];
  for (unsigned i = 0; i < NODES; i++) order[i] = i;
  for (unsigned i = NODES - 1; i > 0; i--) {
    unsigned j = random_next(random) % (i + 1), swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  for (unsigned i = 0; i < NODES; i++) {
    nodes[order[i]].key = random_next(random) >> 40;
    nodes[order[i]].next = i + 1 < NODES ? &nodes[order[i + 1]] : NULL;
  }
  return &nodes[order[0]];
}

static struct node *reverse(struct node *list) {
  struct node *reversed = NULL;
  while (list) {
    struct node *next = list->next;
    list->next = reversed;
    reversed = list;
    list = next;
  }
  return reversed;
}

static uint64_t sum(const struct node *list) {
  uint64_t sum = 0;
  for (; list; list = list->next) sum = (sum << 1 | sum >> 63) ^ list->key;
  return sum;
}

static struct node *merge(struct node *a, struct node *b) {
  struct node head = {NULL, 0}, *tail = &head;
  while (a && b) {
    struct node **least = b->key < a->key ? &b : &a;
    tail->next = *least;
    tail = *least;
    *least = tail->next;
  }
  tail->next = a ? a : b;
  return head.next;
}

static struct node *sort(struct node *list) {
  if (!list || !list->next) return list;
  struct node *middle = list;
  for (struct node *end = list->next; end && end->next; end = end->next->next) middle = middle->next;
  struct node *second = middle->next;
  middle->next = NULL;
  return merge(sort(list), sort(second));
}

int main(void) {
  uint64_t random = 2463534242, check = 0;
  unsigned long start = instret();
  struct node *list = shuffled(&random);
  for (unsigned round = 0; round < ROUNDS; round++) {
    if (round % 50 == 49) list = sort(shuffled(&random));
    list = reverse(list);
    check = check * 31 + sum(list);
    for (struct node *node = list; node; node = node->next) node->key += round;
  }
  report("list", check, instret() - start);
  return 0;
}
