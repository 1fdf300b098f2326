/* Work with memory. */
#include "jobs.h"

#define BYTES 8192
#define PASSES 40
#define NODES 32

struct node {
  struct node *next;
  uint64_t number;
};

static uint8_t scrubbed[BYTES];
static struct node nodes[NODES];
static struct node *volatile none;

/* Memory keeps what it is given. */
void memory_scrub(void) {
  memset(scrubbed, 0x5a, BYTES);
  for (unsigned pass = 0; pass < PASSES; pass++) {
    for (unsigned i = 0; i < BYTES; i++)
      if (scrubbed[i] != 0x5a) panic("a byte is not as it was written");
    progress();
    task_sleep(1);
  }
}

static void walk(void) {
  for (unsigned pass = 0; pass < PASSES; pass++) {
    uint64_t count = 0;
    for (struct node *node = nodes; node; node = node->next) count += node->number;
    if (count != NODES * (NODES - 1) / 2) panic("a node is missing");
    progress();
    task_sleep(1);
  }
}

static void link(void) {
  for (unsigned i = 0; i < NODES; i++)
    nodes[i] = (struct node){i + 1 < NODES ? &nodes[i + 1] : NULL, i};
}

void memory_list(void) {
  link();
  walk();
}

/* Bug: marks nodes where their pointer is, not their number. */
void memory_stray(void) {
  link();
  task_sleep(5);
  for (unsigned i = 8; i < 12; i++) ((volatile uint64_t *)nodes)[i * 2] |= 1UL << 45;
  walk();
}

/* Bug: cuts the list before it has counted it. */
void memory_list_cut(void) {
  link();
  task_sleep(20);
  nodes[10].next = NULL;
  walk();
}

/* Bug: looks for a node that is not there, and does not look whether it was found. */
void memory_null(void) {
  link();
  for (struct node *node = nodes; node; node = node->next)
    if (node->number == NODES) none = node;
  none->number++;
}

/* Bug: keeps everything. */
void memory_exhausted(void) {
  for (;;) {
    memset(heap_alloc(1024), 0, 1024);
    progress();
    task_sleep(1);
  }
}
