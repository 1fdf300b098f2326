/* A stack machine with a switch for its dispatch, running a sieve and a Collatz search. */
#include "runtime.h"

#define ROUNDS 14
#define MEMORY 32768

enum { PUSH, LOAD, STORE, GET, SET, ADD, SUB, MUL, SHR, AND, LESS, JUMP, JUMP_IF_ZERO, HALT };

static int64_t memory[MEMORY];
static int64_t program[128];
static unsigned length;

static unsigned emit(int64_t operation, int64_t operand) {
  program[length++] = operation;
  program[length++] = operand;
  return length - 1;
}

/* LOAD and STORE take a fixed address, GET and SET one from the stack. Variables are at 0 to 7. */
static int64_t execute(void) {
  int64_t stack[16], *top = stack;
  for (const int64_t *pc = program;;) {
    int64_t operation = pc[0], operand = pc[1];
    pc += 2;
    switch (operation) {
      case PUSH: *++top = operand; break;
      case LOAD: *++top = memory[operand]; break;
      case STORE: memory[operand] = *top--; break;
      case GET: *top = memory[*top]; break;
      case SET: memory[top[0]] = top[-1]; top -= 2; break;
      case ADD: top--; top[0] += top[1]; break;
      case SUB: top--; top[0] -= top[1]; break;
      case MUL: top--; top[0] *= top[1]; break;
      case SHR: top--; top[0] >>= top[1]; break;
      case AND: top--; top[0] &= top[1]; break;
      case LESS: top--; top[0] = top[0] < top[1]; break;
      case JUMP: pc = program + operand; break;
      case JUMP_IF_ZERO: if (!*top--) pc = program + operand; break;
      case HALT: return memory[operand];
    }
  }
}

/* m[16 + n] = 1 where n is composite; the result counts the primes below 30000. */
static void assemble_sieve(void) {
  unsigned outer, done, prime, next, inner;
  length = 0;
  emit(PUSH, 2), emit(STORE, 0), emit(PUSH, 0), emit(STORE, 2);
  outer = length;
  emit(LOAD, 0), emit(PUSH, 30000), emit(LESS, 0), done = emit(JUMP_IF_ZERO, 0);
  emit(LOAD, 0), emit(PUSH, 16), emit(ADD, 0), emit(GET, 0), prime = emit(JUMP_IF_ZERO, 0);
  next = length;
  emit(LOAD, 0), emit(PUSH, 1), emit(ADD, 0), emit(STORE, 0), emit(JUMP, outer);
  program[prime] = length;
  emit(LOAD, 2), emit(PUSH, 1), emit(ADD, 0), emit(STORE, 2);
  emit(LOAD, 0), emit(LOAD, 0), emit(ADD, 0), emit(STORE, 1);
  inner = length;
  emit(LOAD, 1), emit(PUSH, 30000), emit(LESS, 0), emit(JUMP_IF_ZERO, next);
  emit(PUSH, 1), emit(LOAD, 1), emit(PUSH, 16), emit(ADD, 0), emit(SET, 0);
  emit(LOAD, 1), emit(LOAD, 0), emit(ADD, 0), emit(STORE, 1), emit(JUMP, inner);
  program[done] = length;
  emit(HALT, 2);
}

/* The total length of the Collatz sequences of 1 to 3000. */
static void assemble_collatz(void) {
  unsigned outer, done, inner, next, odd;
  length = 0;
  emit(PUSH, 1), emit(STORE, 0), emit(PUSH, 0), emit(STORE, 2);
  outer = length;
  emit(LOAD, 0), emit(PUSH, 3001), emit(LESS, 0), done = emit(JUMP_IF_ZERO, 0);
  emit(LOAD, 0), emit(STORE, 1);
  inner = length;
  emit(PUSH, 1), emit(LOAD, 1), emit(LESS, 0), next = emit(JUMP_IF_ZERO, 0);
  emit(LOAD, 2), emit(PUSH, 1), emit(ADD, 0), emit(STORE, 2);
  emit(LOAD, 1), emit(PUSH, 1), emit(AND, 0), odd = emit(JUMP_IF_ZERO, 0);
  emit(LOAD, 1), emit(PUSH, 3), emit(MUL, 0), emit(PUSH, 1), emit(ADD, 0), emit(STORE, 1);
  emit(JUMP, inner);
  program[odd] = length;
  emit(LOAD, 1), emit(PUSH, 1), emit(SHR, 0), emit(STORE, 1), emit(JUMP, inner);
  program[next] = length;
  emit(LOAD, 0), emit(PUSH, 1), emit(ADD, 0), emit(STORE, 0), emit(JUMP, outer);
  program[done] = length;
  emit(HALT, 2);
}

int main(void) {
  uint64_t check = 0;
  unsigned long start = instret();
  for (unsigned round = 0; round < ROUNDS; round++) {
    memset(memory, 0, sizeof memory);
    assemble_sieve();
    int64_t primes = execute();
    if (primes != 3245) return 1; /* the primes below 30000 */
    assemble_collatz();
    check = check * 31 + primes * 1000003 + execute();
  }
  report("bytecode", check, instret() - start);
  return 0;
}
