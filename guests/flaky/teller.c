/*
 * A teller: makes deposits at a bank, several at a time, and balances the books now and then.
 *
 * usage: teller BANK-IP DEPOSITS
 */
#include "libc.h"
#include "wire.h"

#define MILLISECOND_NS 1000000ul
/* Requests that may wait for their answers at a time. */
#define WINDOW 4
/* An answer that takes so long is not coming. */
#define TIMEOUT_NS (40 * MILLISECOND_NS)
#define SENDS_MAX 10
/* So many answers to later requests say the same, and sooner. */
#define OVERTAKEN_MAX 3
/* Deposits between two balances of the books. */
#define PAGE 16

/* A deposit that the bank has not confirmed. */
struct request {
  struct request *earlier, *later;
  uint32_t kind;
  uint32_t id;
  uint32_t account;
  uint32_t amount;
  uint64_t sent_ns;
  uint32_t sends;
  /* How many later requests were answered before it. */
  uint32_t overtaken;
};

/* A deposit that the bank has confirmed, on the current page of an account's book. */
struct receipt {
  uint32_t id;
  uint32_t account;
  uint64_t amount;
  uint64_t balance;
  uint64_t sent_ns;
  uint64_t confirmed_ns;
  struct receipt *before;
};

struct book {
  struct receipt *last;
  uint64_t balance; /* at the top of the page */
};

static int bank_socket;
static struct address bank;
/* In the order in which they were sent; so the answers come in this order. */
static struct request *first, *last;
static unsigned waiting;
/* The request whose answer seems to be missing. */
static struct request *suspect;
static struct book books[ACCOUNTS];
static unsigned long resends;

static void append(struct request *r) {
  r->earlier = last;
  r->later = NULL;
  if (last) last->later = r;
  else first = r;
  last = r;
}

static void detach(struct request *r) {
  if (r->earlier) r->earlier->later = r->later;
  else first = r->later;
  if (r->later) r->later->earlier = r->earlier;
  else last = r->earlier;
}

/* Sends a request that is in no list, and appends it. */
static void transmit(struct request *r) {
  struct message message = {r->kind, r->id, r->account, r->amount, 0};
  r->sends++;
  r->sent_ns = now_ns();
  append(r);
  send_to(bank_socket, &message, sizeof message, &bank);
}

static void resend(struct request *r) {
  if (r->sends == SENDS_MAX) fail("teller: the bank does not answer");
  detach(r);
  transmit(r);
  resends++;
}

static void deposit(uint32_t id) {
  struct request *r = malloc(sizeof *r);
  *r = (struct request){
      .kind = DEPOSIT, .id = id, .account = id % ACCOUNTS, .amount = id * 7 % 1000 + 1};
  waiting++;
  transmit(r);
}

static void confirm(uint32_t id, uint32_t account, uint64_t amount, uint64_t sent_ns,
                    uint64_t balance) {
  struct receipt *receipt = malloc(sizeof *receipt);
  struct book *book = &books[account];
  *receipt = (struct receipt){id, account, amount, balance, sent_ns, now_ns(), book->last};
  book->last = receipt;
}

/* The answer to `r` came before those to `missing` and to all that was sent between them. */
static void overtake(struct request *missing) {
  if (!suspect) suspect = missing;
  if (++suspect->overtaken == OVERTAKEN_MAX) resend(suspect);
}

static void answered(struct request *r, uint64_t balance) {
  uint32_t id = r->id, account = r->account, amount = r->amount;
  uint64_t sent_ns = r->sent_ns;
  if (r != first) overtake(first);
  else if (r == suspect) suspect = NULL;
  detach(r);
  free(r);
  waiting--;
  confirm(id, account, amount, sent_ns, balance);
}

static struct request *find(uint32_t id) {
  for (struct request *r = first; r; r = r->later)
    if (r->id == id) return r;
  return NULL;
}

/* Takes an answer, or sends again what waits for too long. */
static void serve(void) {
  struct message answer;
  struct address from;
  long length = receive(bank_socket, &answer, sizeof answer, &from, first->sent_ns + TIMEOUT_NS);
  if (length < 0) resend(first);
  if (length != sizeof answer || answer.kind != DEPOSIT) return;
  struct request *r = find(answer.id);
  if (r) answered(r, answer.balance); /* else it was answered already */
}

/* Turns to a new page: the balance of an account is that of its receipts together. */
static void turn_page(struct book *book) {
  uint64_t top = book->balance;
  for (struct receipt *receipt = book->last; receipt;) {
    struct receipt *before = receipt->before;
    book->balance += receipt->amount;
    if (receipt->balance > top) top = receipt->balance;
    free(receipt);
    receipt = before;
  }
  book->last = NULL;
  if (book->balance != top) fail("teller: the books do not balance");
}

static void balance_books(void) {
  while (first) serve();
  suspect = NULL; /* nothing is waited for */
  for (int account = 0; account < ACCOUNTS; account++) turn_page(&books[account]);
}

static void close_bank(uint32_t id) {
  struct message message = {.kind = CLOSE, .id = id}, answer;
  struct address from;
  for (int sends = 0; sends < SENDS_MAX; sends++) {
    send_to(bank_socket, &message, sizeof message, &bank);
    uint64_t deadline = now_ns() + TIMEOUT_NS;
    long length;
    do length = receive(bank_socket, &answer, sizeof answer, &from, deadline);
    while (length >= 0 && (length != sizeof answer || answer.id != id));
    if (length >= 0) return;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage: teller BANK-IP DEPOSITS");
  bank = parse_address(argv[1], BANK_PORT);
  unsigned long deposits = parse_number(argv[2]);
  bank_socket = open_socket(0);
  print("teller: %u deposits\n", deposits);
  for (uint32_t id = 1; id <= deposits; id++) {
    while (waiting == WINDOW) serve();
    deposit(id);
    if (id % PAGE == 0) balance_books();
  }
  balance_books();
  close_bank(deposits + 1);
  uint64_t total = 0;
  for (int account = 0; account < ACCOUNTS; account++) total += books[account].balance;
  print("teller: total %u, %u sent again\n", total, resends);
  return 0;
}
