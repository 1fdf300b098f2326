/*
 * Posts records, seals each with a slow hash, and closes a page of them now and then: a page's sum
 * goes to disk if there is one. After the last page it audits them all, from the oldest.
 */
#include "kernel.h"

#define PAGE_RECORDS 48
#define PAGES 10
#define SEAL_ROUNDS 1000

struct record {
  struct record *next; /* the one after it in time */
  uint64_t number;
  int64_t amount;
  uint64_t seal;
};

struct ledger {
  struct record *oldest;
  struct record *newest;
  uint64_t records;
  int64_t balance;
};

static struct ledger *ledger;

void ledger_init(void) {
  ledger = heap_alloc(sizeof *ledger);
  memset(ledger, 0, sizeof *ledger);
}

/* FNV-1a over the seal before it, the number and the amount, again and again. */
static uint64_t seal(const struct record *record, uint64_t before) {
  uint64_t hash = 0xcbf29ce484222325 ^ before;
  for (unsigned round = 0; round < SEAL_ROUNDS; round++) {
    for (unsigned i = 0; i < 64; i += 8) hash = (hash ^ (record->number >> i & 255)) * 0x100000001b3;
    for (unsigned i = 0; i < 64; i += 8) hash = (hash ^ (record->amount >> i & 255)) * 0x100000001b3;
    hash ^= hash >> 32;
  }
  return hash;
}

static void post(int64_t amount) {
  struct record *record = heap_alloc(sizeof *record);
  struct record *before = ledger->newest;
  *record = (struct record){.number = ++ledger->records, .amount = amount};
  record->seal = seal(record, before ? before->seal : 0);
  if (before) before->next = record;
  else ledger->oldest = record;
  ledger->newest = record;
  ledger->balance += amount;
}

static void close_page(uint64_t page) {
  uint64_t sector[SECTOR_BYTES / 8] = {page, ledger->records, ledger->balance, ledger->newest->seal};
  bool kept = disk_write(page, sector) && disk_read(page, sector);
  print("ledger: page %lu: %lu records, balance %ld, seal %016lx%s\n", page, ledger->records,
        ledger->balance, ledger->newest->seal, !disk_present() ? "" : kept ? ", on disk" : ", disk error");
}

static void audit(void) {
  int64_t balance = 0;
  uint64_t records = 0;
  print("ledger: audit\n");
  for (const struct record *record = ledger->oldest; record; record = record->next) {
    if (record->number != ++records) panic("a record is missing");
    balance += record->amount;
  }
  if (balance != ledger->balance) panic("the balance is wrong");
  print("ledger: %lu records audited, balance %ld\n", records, balance);
}

void ledger_run(void) {
  for (uint64_t page = 1; page <= PAGES; page++) {
    for (unsigned i = 0; i < PAGE_RECORDS; i++) {
      post((int64_t)(ledger->records * 7919 % 2001) - 1000);
      task_sleep(1);
    }
    close_page(page);
  }
  audit();
  print("pocket: powering off\n");
  power_off();
}
