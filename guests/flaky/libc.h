/* The little of a C library that the two programs need, on Linux's system calls. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a datagram came from, or goes to; in the network's byte order, as Linux has it. */
struct address {
  uint16_t family;
  uint16_t port;
  uint32_t ip;
  uint8_t zero[8];
};

int main(int argc, char **argv);

void *malloc(size_t size);
void free(void *block);
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

/* %s a string, %u an unsigned long; to standard output. */
void print(const char *format, ...);
__attribute__((noreturn)) void exit(int status);
/* Prints the text and ends the program with status 1. */
__attribute__((noreturn)) void fail(const char *text);

/* Monotonic. */
uint64_t now_ns(void);
/* Digits only; anything else fails. */
unsigned long parse_number(const char *text);
/* 10.0.0.1 and a port. */
struct address parse_address(const char *ip, uint16_t port);

/* A UDP socket on a port; 0: any. */
int open_socket(uint16_t port);
void send_to(int socket, const void *bytes, size_t size, const struct address *to);
/* The length of the datagram that came; -1 if none comes before the deadline. */
long receive(int socket, void *bytes, size_t size, struct address *from, uint64_t deadline_ns);
