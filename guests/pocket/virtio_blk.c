/* The disk: one request at a time. Source: VIRTIO 1.2, 5.2. */
#include "virtio.h"

#define BLK_IN 0
#define BLK_OUT 1

static struct virtio_device device;
static struct virtqueue queue;
static struct {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
} header;
static uint8_t data[SECTOR_BYTES];
static volatile uint8_t status;
static volatile bool done;
static uint64_t sectors; /* 0: there is no disk */

static void interrupt(void) {
  uint16_t head;
  uint32_t length;
  virtio_acknowledge(&device);
  while (virtio_taken(&queue, &head, &length)) done = true;
}

bool disk_present(void) { return sectors > 0; }

void disk_init(void) {
  if (!virtio_find(&device, VIRTIO_BLK, 0)) return;
  virtio_queue(&device, 0, &queue);
  queue.desc[0].address = (uint64_t)&header;
  queue.desc[0].length = sizeof header;
  queue.desc[0].flags = DESC_NEXT;
  queue.desc[0].next = 1;
  queue.desc[1].address = (uint64_t)data;
  queue.desc[1].length = sizeof data;
  queue.desc[1].next = 2;
  queue.desc[2].address = (uint64_t)&status;
  queue.desc[2].length = 1;
  queue.desc[2].flags = DESC_WRITE;
  virtio_ready(&device, interrupt);
  sectors = *(volatile uint64_t *)virtio_config(&device);
  print("pocket: disk of %lu sectors in slot %lu\n", sectors, (uint64_t)device.slot);
}

static bool transfer(uint32_t type, uint64_t sector) {
  if (sector >= sectors) return false;
  header.type = type;
  header.sector = sector;
  queue.desc[1].flags = DESC_NEXT | (type == BLK_IN ? DESC_WRITE : 0);
  status = 0xff;
  done = false;
  virtio_offer(&device, 0, &queue, 0);
  task_wait(&done);
  return status == 0;
}

bool disk_read(uint64_t sector, void *bytes) {
  if (!transfer(BLK_IN, sector)) return false;
  memcpy(bytes, data, sizeof data);
  return true;
}

bool disk_write(uint64_t sector, const void *bytes) {
  memcpy(data, bytes, sizeof data);
  return transfer(BLK_OUT, sector);
}
