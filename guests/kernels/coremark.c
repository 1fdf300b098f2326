/* The mix of coremark: list processing, matrices of integers, a state machine over text, CRC-16. */
#include "runtime.h"

#define ROUNDS 6000
#define SIZE 24
#define NODES 64

struct node {
  struct node *next;
  int16_t value;
  int16_t index;
};

static struct node nodes[NODES];
static int16_t a[SIZE][SIZE], b[SIZE][SIZE];
static int32_t c[SIZE][SIZE];

/* CRC-16/ARC: polynomial 0xa001, bits in reflected order. */
static uint16_t crc16(uint32_t value, unsigned bits, uint16_t crc) {
  for (; bits--; value >>= 1) crc = (crc >> 1) ^ ((crc ^ value) & 1 ? 0xa001 : 0);
  return crc;
}

static uint16_t lists(unsigned seed, uint16_t crc) {
  struct node *list = NULL;
  for (int i = 0; i < NODES; i++) {
    nodes[i] = (struct node){NULL, (int16_t)(seed * 31 + i * 7919), i};
    struct node **at = &list; /* insertion in order of value */
    while (*at && (*at)->value < nodes[i].value) at = &(*at)->next;
    nodes[i].next = *at;
    *at = &nodes[i];
  }
  for (struct node *node = list; node; node = node->next)
    if (node->index % 4 == 0) crc = crc16((uint16_t)node->value, 16, crc);
  return crc;
}

static uint16_t matrices(unsigned seed, uint16_t crc) {
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = seed + i * j;
      b[i][j] = seed - i + j;
    }
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      int32_t sum = 0;
      for (int k = 0; k < SIZE; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  for (int i = 0; i < SIZE; i++) crc = crc16(c[i][(seed + i) % SIZE] >> 2, 32, crc);
  return crc;
}

enum state { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, INVALID, STATES };

static enum state step(enum state state, char character) {
  int digit = character >= '0' && character <= '9';
  switch (state) {
    case START:
      if (character == '+' || character == '-') return SIGN;
      return digit ? INTEGER : INVALID;
    case SIGN:
      return digit ? INTEGER : INVALID;
    case INTEGER:
      if (character == '.') return POINT;
      if (character == 'e') return EXPONENT;
      return digit ? INTEGER : INVALID;
    case POINT:
      return digit ? FRACTION : INVALID;
    case FRACTION:
      if (character == 'e') return EXPONENT;
      return digit ? FRACTION : INVALID;
    case EXPONENT:
      return digit ? EXPONENT : INVALID;
    default:
      return INVALID;
  }
}

static uint16_t states(unsigned seed, uint16_t crc) {
  static const char text[] = "5012,1.25,-7,+3.14e10,12x,9e5,1..2,0.000123,-874.5e3,77777,e5,";
  unsigned visits[STATES] = {0};
  for (unsigned pass = 0; pass < 8; pass++) {
    enum state state = START;
    for (const char *p = text; *p; p++) {
      char character = *p ^ (seed % 13 == pass ? 1 : 0);
      if (character == ',') {
        visits[state]++;
        state = START;
      } else {
        state = step(state, character);
      }
    }
  }
  for (int i = 0; i < STATES; i++) crc = crc16(visits[i], 16, crc);
  return crc;
}

int main(void) {
  uint16_t crc = 0;
  unsigned long start = instret();
  for (unsigned round = 0; round < ROUNDS; round++) {
    crc = lists(round + crc, crc);
    crc = matrices(round ^ crc, crc);
    crc = states(round, crc);
  }
  report("coremark", crc, instret() - start);
  return 0;
}
