/* Work with a disk. Sectors 0 to 7 of the image hold, in their first word, an index below SLOTS. */
#include "jobs.h"

#define SECTORS 12
#define FIRST 64 /* to write to: nothing of the image's is there */
#define SLOTS 8
#define TRIES 3
#define WORDS (SECTOR_BYTES / 8)

static uint64_t block[WORDS];
static uint64_t counts[SLOTS];

static void fill(uint64_t sector) {
  for (unsigned i = 0; i < WORDS; i++) block[i] = sector << 32 | i;
}

static bool holds(uint64_t sector) {
  for (unsigned i = 0; i < WORDS; i++)
    if (block[i] != (sector << 32 | i)) return false;
  return true;
}

/* Writes, reads again, and does not expect that either can fail. */
void disk_store(void) {
  for (uint64_t sector = FIRST; sector < FIRST + SECTORS; sector++) {
    fill(sector);
    if (!disk_write(sector, block)) panic("a write failed");
    memset(block, 0, sizeof block);
    if (!disk_read(sector, block)) panic("a read failed");
    if (!holds(sector)) panic("a sector is not as it was written");
    progress();
    task_sleep(1);
  }
}

/* Says that it cannot do its work, and ends. */
void disk_polite(void) {
  for (uint64_t sector = 0; sector < SLOTS; sector++) {
    if (!disk_read(sector, block)) power_fail(5);
    progress();
    task_sleep(1);
  }
}

static bool insist(uint64_t sector) {
  for (unsigned try = 0; try < TRIES; try++) {
    progress();
    if (disk_read(sector, block)) return true;
  }
  return false;
}

/* Passes over what cannot be read. */
void disk_retry(void) {
  for (uint64_t sector = 0; sector < SLOTS; sector++) {
    if (!insist(sector)) print("clerk: sector %lu is left out\n", sector);
    task_sleep(1);
  }
}

/* Believes what is on the disk. */
void disk_index(void) {
  for (uint64_t sector = 0; sector < SLOTS; sector++) {
    if (!disk_read(sector, block)) power_fail(5);
    counts[block[0]]++;
    progress();
    task_sleep(1);
  }
}

/* The same, but looks first. */
void disk_checked(void) {
  for (uint64_t sector = 0; sector < SLOTS; sector++) {
    if (!disk_read(sector, block)) power_fail(5);
    if (block[0] >= SLOTS) power_fail(6);
    counts[block[0]]++;
    progress();
    task_sleep(1);
  }
}

static uint64_t *volatile nothing;

/* Bug: a total that is kept nowhere. */
void disk_retry_then_null(void) {
  disk_retry();
  *nothing += counts[0];
}

/* What it reads does not matter to it. The same bug. */
void disk_sums_then_null(void) {
  uint64_t sum = 0;
  for (uint64_t sector = 0; sector < SLOTS; sector++) {
    if (disk_read(sector, block)) sum += block[1];
    progress();
    task_sleep(1);
  }
  print("clerk: sum %lx\n", sum);
  *nothing += sum;
}

/* Bug: the disk is not endless. */
void disk_past_end(void) {
  for (uint64_t sector = 1; disk_read(sector, block); sector *= 2) progress();
  panic("a read failed");
}

/* Bug: reads the sector after the one that it has written. */
void disk_wrong_sector(void) {
  for (uint64_t sector = FIRST; sector < FIRST + SECTORS; sector++) {
    fill(sector);
    if (!disk_write(sector, block) || !disk_read(sector + (sector == FIRST + 5), block))
      panic("the disk failed");
    if (!holds(sector)) panic("a sector is not as it was written");
    progress();
    task_sleep(1);
  }
}

/* Bug: gives up on a disk that needs more than five ticks for once. */
void disk_impatient(void) {
  for (uint64_t sector = 0; sector < SLOTS; sector++) {
    uint64_t asked = timer_ticks();
    if (!disk_read(sector, block)) panic("a read failed");
    if (timer_ticks() - asked > 5) panic("the disk is dead");
    progress();
    task_sleep(1);
  }
}

/* Bug: takes sectors for granted that it never wrote. */
void disk_unwritten(void) {
  if (!disk_read(FIRST + SECTORS, block)) panic("a read failed");
  if (!holds(FIRST + SECTORS)) panic("a sector is not as it was written");
}
