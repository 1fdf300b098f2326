/*
 * A bank for one teller: keeps the balance of each account.
 *
 * usage: bank
 */
#include "libc.h"
#include "wire.h"

#define SECOND_NS 1000000000ul
/* A teller that is silent for so long is gone. */
#define SILENCE_NS (20 * SECOND_NS)
/* After CLOSE: its answer may have been lost. */
#define LINGER_NS (SECOND_NS / 10)
/* Answers that are kept for requests that come again; a teller has far fewer in flight. */
#define ANSWERS 256

static uint64_t balances[ACCOUNTS];
static struct message answers[ANSWERS];

static struct message *answer_to(const struct message *request) {
  struct message *answer = &answers[request->id % ANSWERS];
  if (answer->id == request->id) return answer;
  *answer = *request;
  if (request->kind == DEPOSIT) balances[request->account] += request->amount;
  answer->balance = balances[request->account];
  return answer;
}

static bool is_valid(const struct message *message, long length) {
  return length == sizeof *message && (message->kind == DEPOSIT || message->kind == CLOSE) &&
         message->id != 0 && message->account < ACCOUNTS;
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc != 1) fail("usage: bank");
  int socket = open_socket(BANK_PORT);
  uint64_t deadline = now_ns() + SILENCE_NS;
  bool closing = false;
  unsigned long deposits = 0;
  print("bank: open\n");
  for (;;) {
    struct message request;
    struct address teller;
    long length = receive(socket, &request, sizeof request, &teller, deadline);
    if (length < 0) break;
    if (!is_valid(&request, length)) continue;
    struct message *answer = answer_to(&request);
    send_to(socket, answer, sizeof *answer, &teller);
    closing |= request.kind == CLOSE;
    deposits += request.kind == DEPOSIT;
    deadline = now_ns() + (closing ? LINGER_NS : SILENCE_NS);
  }
  if (!closing) fail("bank: the teller is gone");
  uint64_t total = 0;
  for (int account = 0; account < ACCOUNTS; account++) total += balances[account];
  print("bank: closed, %u requests, total %u\n", deposits, total);
  return 0;
}
