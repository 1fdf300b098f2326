/*
 * What a teller and its bank say to each other: a request is a datagram, and so is its answer.
 *
 * Datagrams get lost. A teller sends a request again until it is answered; the bank does what a
 * request asks for once, and gives the same answer whenever it is asked again. Both are
 * little-endian machines.
 */
#pragma once
#include <stdint.h>

#define BANK_PORT 7070
#define ACCOUNTS 8

enum kind { DEPOSIT = 1, CLOSE = 2 };

struct message {
  uint32_t kind;
  /* Of the teller's choosing, 1 and up; an answer has that of its request. */
  uint32_t id;
  uint32_t account;
  uint32_t amount;
  /* In an answer: of the account, with this deposit. */
  uint64_t balance;
};
