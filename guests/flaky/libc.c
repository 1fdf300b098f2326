/*
 * The little of a C library that the two programs need.
 * Source: Linux, include/uapi/asm-generic/unistd.h; RISC-V calling convention.
 */
#include "libc.h"
#include <stdarg.h>

#define WRITE 64
#define PPOLL 73
#define EXIT_GROUP 94
#define CLOCK_GETTIME 113
#define SOCKET 198
#define BIND 200
#define SENDTO 206
#define RECVFROM 207

#define AF_INET 2
#define SOCK_DGRAM 2
#define CLOCK_MONOTONIC 1
#define POLLIN 1

#define ARENA_BYTES (256 * 1024)
#define CLASS_BYTES 16 /* block sizes are multiples of it */
#define CLASSES 32

static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long a7 asm("a7") = number;
  register long a0 asm("a0") = a;
  register long a1 asm("a1") = b;
  register long a2 asm("a2") = c;
  register long a3 asm("a3") = d;
  register long a4 asm("a4") = e;
  register long a5 asm("a5") = f;
  asm volatile("ecall"
               : "+r"(a0)
               : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
               : "memory");
  return a0;
}

/* The stack holds argc, and argv from the next word on. */
asm(".globl _start\n"
    "_start:\n"
    "  ld a0, 0(sp)\n"
    "  addi a1, sp, 8\n"
    "  andi sp, sp, -16\n"
    "  call main\n"
    "  tail exit\n");

/* Ahead of each block; blocks are 16-byte aligned. */
struct header {
  size_t class;
  size_t unused;
};

/* A block that is free begins with the next one of its size; the last freed is the first given. */
struct free_block {
  struct free_block *next;
};

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(16)));
static size_t arena_used;
static struct free_block *free_blocks[CLASSES];

void *malloc(size_t size) {
  size_t class = (size + CLASS_BYTES - 1) / CLASS_BYTES;
  if (class >= CLASSES) fail("malloc: too large");
  struct free_block *block = free_blocks[class];
  if (block) {
    free_blocks[class] = block->next;
    return block;
  }
  size_t total = sizeof(struct header) + class * CLASS_BYTES;
  if (arena_used + total > ARENA_BYTES) fail("malloc: out of memory");
  struct header *header = (struct header *)(arena + arena_used);
  arena_used += total;
  header->class = class;
  return header + 1;
}

void free(void *block) {
  struct header *header = (struct header *)block - 1;
  struct free_block *freed = block;
  freed->next = free_blocks[header->class];
  free_blocks[header->class] = freed;
}

void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; i++) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
  return to;
}

void *memset(void *to, int byte, size_t size) {
  for (size_t i = 0; i < size; i++) ((uint8_t *)to)[i] = byte;
  return to;
}

static size_t put_number(char *to, unsigned long number) {
  char digits[20];
  size_t count = 0;
  do digits[count++] = '0' + number % 10;
  while (number /= 10);
  for (size_t i = 0; i < count; i++) to[i] = digits[count - 1 - i];
  return count;
}

/* In one write, so that lines of several programs do not mix. */
void print(const char *format, ...) {
  char line[256];
  size_t length = 0;
  va_list values;
  va_start(values, format);
  for (; *format && length < sizeof line - 32; format++) {
    if (*format != '%') line[length++] = *format;
    else if (*++format == 'u') length += put_number(line + length, va_arg(values, unsigned long));
    else
      for (const char *text = va_arg(values, const char *); *text && length < sizeof line - 32; text++)
        line[length++] = *text;
  }
  va_end(values);
  call(WRITE, 1, (long)line, length, 0, 0, 0);
}

void exit(int status) {
  call(EXIT_GROUP, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

void fail(const char *text) {
  print("%s\n", text);
  exit(1);
}

struct timespec {
  uint64_t seconds;
  uint64_t ns;
};

uint64_t now_ns(void) {
  struct timespec now;
  call(CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
  return now.seconds * 1000000000 + now.ns;
}

/* Up to the first character that is no digit, which *end then points to. */
static unsigned long digits(const char *text, const char **end) {
  unsigned long number = 0;
  if (*text < '0' || *text > '9') fail("a number is needed");
  for (; *text >= '0' && *text <= '9'; text++) number = number * 10 + (*text - '0');
  *end = text;
  return number;
}

unsigned long parse_number(const char *text) {
  const char *end;
  unsigned long number = digits(text, &end);
  if (*end) fail("a number is needed");
  return number;
}

static uint16_t network_order(uint16_t value) {
  return value >> 8 | value << 8;
}

struct address parse_address(const char *ip, uint16_t port) {
  struct address address = {.family = AF_INET, .port = network_order(port)};
  for (int shift = 0; shift < 32; shift += 8) {
    address.ip |= (uint32_t)(digits(ip, &ip) & 255) << shift;
    if (*ip == '.') ip++;
  }
  return address;
}

int open_socket(uint16_t port) {
  int socket = call(SOCKET, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);
  struct address any = {.family = AF_INET, .port = network_order(port)};
  if (socket < 0) fail("no socket");
  if (call(BIND, socket, (long)&any, sizeof any, 0, 0, 0) < 0) fail("the port is taken");
  return socket;
}

void send_to(int socket, const void *bytes, size_t size, const struct address *to) {
  /* What cannot be sent is as good as lost. */
  call(SENDTO, socket, (long)bytes, size, 0, (long)to, sizeof *to);
}

long receive(int socket, void *bytes, size_t size, struct address *from, uint64_t deadline_ns) {
  struct {
    int descriptor;
    short events, revents;
  } poll = {.descriptor = socket, .events = POLLIN};
  uint64_t now = now_ns();
  uint64_t wait = deadline_ns > now ? deadline_ns - now : 0;
  struct timespec timeout = {wait / 1000000000, wait % 1000000000};
  if (call(PPOLL, (long)&poll, 1, (long)&timeout, 0, 0, 0) <= 0) return -1;
  uint32_t address_size = sizeof *from;
  return call(RECVFROM, socket, (long)bytes, size, 0, (long)from, (long)&address_size);
}
