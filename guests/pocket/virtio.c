/* The MMIO transport: finding, negotiating, queues. Source: VIRTIO 1.2, 3.1.1, 2.7 and 4.2.2. */
#include "virtio.h"

/* Registers, in words. */
#define MAGIC (0x000 / 4)
#define VERSION (0x004 / 4)
#define DEVICE_ID (0x008 / 4)
#define DRIVER_FEATURES (0x020 / 4)
#define DRIVER_FEATURES_SEL (0x024 / 4)
#define DEVICE_FEATURES (0x010 / 4)
#define DEVICE_FEATURES_SEL (0x014 / 4)
#define QUEUE_SEL (0x030 / 4)
#define QUEUE_NUM_MAX (0x034 / 4)
#define QUEUE_NUM (0x038 / 4)
#define QUEUE_READY (0x044 / 4)
#define QUEUE_NOTIFY (0x050 / 4)
#define INTERRUPT_STATUS (0x060 / 4)
#define INTERRUPT_ACK (0x064 / 4)
#define STATUS (0x070 / 4)
#define QUEUE_DESC (0x080 / 4)
#define QUEUE_DRIVER (0x090 / 4)
#define QUEUE_DEVICE (0x0a0 / 4)
#define CONFIG (0x100 / 4)

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8

#define FEATURES_1_VERSION_1 1 /* bit 32 */

static bool negotiate(volatile uint32_t *r, uint32_t features) {
  r[STATUS] = 0;
  r[STATUS] = STATUS_ACKNOWLEDGE;
  r[STATUS] |= STATUS_DRIVER;
  r[DEVICE_FEATURES_SEL] = 0;
  features &= r[DEVICE_FEATURES];
  r[DRIVER_FEATURES_SEL] = 0;
  r[DRIVER_FEATURES] = features;
  r[DRIVER_FEATURES_SEL] = 1;
  r[DRIVER_FEATURES] = FEATURES_1_VERSION_1;
  r[STATUS] |= STATUS_FEATURES_OK;
  return r[STATUS] & STATUS_FEATURES_OK;
}

bool virtio_find(struct virtio_device *device, uint32_t id, uint32_t features) {
  for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++) {
    volatile uint32_t *r = (volatile uint32_t *)VIRTIO(slot);
    if (r[MAGIC] != 0x74726976 || r[VERSION] != 2 || r[DEVICE_ID] != id) continue;
    *device = (struct virtio_device){.registers = r, .slot = slot};
    return negotiate(r, features);
  }
  return false;
}

static void write_address(volatile uint32_t *low, const volatile void *address) {
  low[0] = (uint64_t)address;
  low[1] = (uint64_t)address >> 32;
}

void virtio_queue(struct virtio_device *device, unsigned index, struct virtqueue *queue) {
  volatile uint32_t *r = device->registers;
  r[QUEUE_SEL] = index;
  if (r[QUEUE_READY] || r[QUEUE_NUM_MAX] < QUEUE_SIZE) panic("a virtqueue is not as expected");
  r[QUEUE_NUM] = QUEUE_SIZE;
  write_address(&r[QUEUE_DESC], &queue->desc);
  write_address(&r[QUEUE_DRIVER], &queue->avail);
  write_address(&r[QUEUE_DEVICE], &queue->used);
  r[QUEUE_READY] = 1;
}

void virtio_ready(struct virtio_device *device, void (*interrupt)(void)) {
  plic_enable(VIRTIO_IRQ(device->slot), interrupt);
  device->registers[STATUS] |= STATUS_DRIVER_OK;
}

void virtio_acknowledge(struct virtio_device *device) {
  device->registers[INTERRUPT_ACK] = device->registers[INTERRUPT_STATUS];
}

void virtio_offer(struct virtio_device *device, unsigned index, struct virtqueue *queue,
                  uint16_t head) {
  queue->avail.ring[queue->avail.index % QUEUE_SIZE] = head;
  asm volatile("fence rw, w" : : : "memory"); /* the entry before the index (2.7.13.2) */
  queue->avail.index++;
  asm volatile("fence rw, o" : : : "memory"); /* the index before the notification */
  device->registers[QUEUE_NOTIFY] = index;
}

bool virtio_taken(struct virtqueue *queue, uint16_t *head, uint32_t *length) {
  if (queue->used_seen == queue->used.index) return false;
  asm volatile("fence r, rw" : : : "memory"); /* the index before the entry */
  *head = queue->used.ring[queue->used_seen % QUEUE_SIZE].id;
  *length = queue->used.ring[queue->used_seen % QUEUE_SIZE].length;
  queue->used_seen++;
  return true;
}

volatile void *virtio_config(struct virtio_device *device) {
  return device->registers + CONFIG;
}
