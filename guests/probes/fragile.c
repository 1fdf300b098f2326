/*
 * Trusts its host in every way that it can, and says by its code which trust was broken: a disk in
 * slot 0, RAM, the clock, interrupts, and that it runs without a pause. Of the sectors that it reads
 * it can do without those of odd rounds. Sources: VIRTIO 1.2, 4.2 and 5.2; PLIC 1.0.0.
 */
#include "runtime.h"

enum { READ = 2, WRITE, CONTENT, CLOCK, PAUSE, INTERRUPT, SPURIOUS, CANARY };

#define ROUNDS 8
#define SECTOR 512
#define STEP 8 /* sectors: each round reads a block that the host has to be asked for */
#define WRITTEN 128
#define PATIENCE 10000 /* ticks of 100 ns: 1 ms for an answer */
#define PAUSE_TICKS 1000

static volatile uint32_t *const disk = (volatile uint32_t *)0x10001000UL;
static volatile uint32_t *const plic = (volatile uint32_t *)0x0c000000UL;
#define PRIORITY plic[1]
#define ENABLE plic[0x2000 / 4]
#define CLAIM plic[0x200004 / 4]

static struct {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
} desc[4] __attribute__((aligned(16)));
static volatile struct {
  uint16_t flags, index, ring[4];
} avail;
static volatile struct {
  uint16_t flags, index;
  struct {
    uint32_t id, length;
  } ring[4];
} used __attribute__((aligned(4)));
static struct {
  uint32_t type, reserved;
  uint64_t sector;
} header;
static uint64_t data[SECTOR / 8];
static volatile uint8_t status;

/* Nobody but a fault writes here. */
volatile uint64_t canary[512] __attribute__((aligned(4096)));

static _Noreturn void broken(int trust, uint64_t round) {
  print("fragile: trust %lu is broken in round %lu\n", (uint64_t)trust, round);
  finish(trust);
}

static void address(unsigned reg, volatile void *where) {
  disk[reg / 4] = (uint32_t)(uint64_t)where;
  disk[reg / 4 + 1] = (uint64_t)where >> 32;
}

static void disk_init(void) {
  if (disk[0] != 0x74726976 || disk[2] != 2) finish(1);
  disk[0x070 / 4] = 0;
  disk[0x070 / 4] = 3;
  disk[0x024 / 4] = 1; /* VIRTIO_F_VERSION_1 */
  disk[0x020 / 4] = 1;
  disk[0x070 / 4] = 11;
  disk[0x030 / 4] = 0;
  disk[0x038 / 4] = 4;
  address(0x080, desc);
  address(0x090, &avail);
  address(0x0a0, &used);
  disk[0x044 / 4] = 1;
  disk[0x070 / 4] = 15;
  PRIORITY = 1;
  ENABLE = 2;
}

static int transfer(uint32_t type, uint64_t sector, uint64_t round) {
  header.type = type;
  header.sector = sector;
  desc[0].address = (uint64_t)&header;
  desc[0].length = sizeof header;
  desc[0].flags = 1;
  desc[0].next = type == 4 ? 2 : 1;
  desc[1].address = (uint64_t)data;
  desc[1].length = sizeof data;
  desc[1].flags = type == 0 ? 3 : 1;
  desc[1].next = 2;
  desc[2].address = (uint64_t)&status;
  desc[2].length = 1;
  desc[2].flags = 2;
  status = 255;
  if (CLAIM) broken(SPURIOUS, round);
  avail.ring[avail.index % 4] = 0;
  asm volatile("fence" ::: "memory");
  avail.index++;
  disk[0x050 / 4] = 0;
  uint64_t start = *CLINT_MTIME;
  while (!CLAIM)
    if (*CLINT_MTIME - start > PATIENCE) broken(INTERRUPT, round);
  disk[0x064 / 4] = disk[0x060 / 4];
  CLAIM = 1;
  asm volatile("fence" ::: "memory");
  return status == 0;
}

/* The test's disk has the sector's number in each of its words. */
static int holds(uint64_t value) {
  for (unsigned i = 0; i < SECTOR / 8; i++)
    if (data[i] != value) return 0;
  return 1;
}

static void look_at_clock(uint64_t round) {
  static uint64_t last;
  for (unsigned i = 0; i < 4000; i++) {
    uint64_t now = *CLINT_MTIME;
    if (now < last) broken(CLOCK, round);
    if (i > 0 && now - last > PAUSE_TICKS) broken(PAUSE, round);
    last = now;
  }
}

int main(void) {
  disk_init();
  for (uint64_t round = 0; round < ROUNDS; round++) {
    uint64_t sector = round * STEP;
    look_at_clock(round);
    if (transfer(0, sector, round)) {
      if (!holds(sector)) broken(CONTENT, round);
    } else if (round % 2) {
      print("fragile: sector %lu cannot be read, never mind\n", sector);
    } else broken(READ, round);
    for (unsigned i = 0; i < SECTOR / 8; i++) data[i] = round;
    if (!transfer(1, WRITTEN + sector, round) || !transfer(4, 0, round)) broken(WRITE, round);
    if (!transfer(0, WRITTEN + sector, round)) broken(READ, round);
    if (!holds(round)) broken(CONTENT, round);
    for (unsigned i = 0; i < 512; i++)
      if (canary[i]) broken(CANARY, round);
  }
  print("fragile: all is well\n");
  return 0;
}
