/* Split virtqueues over the modern MMIO transport. Source: VIRTIO 1.2, 2.7 and 4.2.2. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "kernel.h"

#define VIRTIO_NET 1
#define VIRTIO_BLK 2

#define QUEUE_SIZE 8 /* a power of two */

#define DESC_NEXT 1
#define DESC_WRITE 2 /* the device writes */

struct virtqueue {
  struct {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
  } desc[QUEUE_SIZE];
  struct {
    uint16_t flags;
    volatile uint16_t index;
    uint16_t ring[QUEUE_SIZE];
  } avail;
  struct {
    uint16_t flags;
    volatile uint16_t index;
    volatile struct {
      uint32_t id;
      uint32_t length;
    } ring[QUEUE_SIZE];
  } used __attribute__((aligned(4)));
  uint16_t used_seen; /* the driver's own: used entries that it has taken */
} __attribute__((aligned(16)));

struct virtio_device {
  volatile uint32_t *registers;
  unsigned slot;
};

/* Finds the first device of this kind and negotiates; false: none, or it refuses. */
bool virtio_find(struct virtio_device *device, uint32_t id, uint32_t features);
void virtio_queue(struct virtio_device *device, unsigned index, struct virtqueue *queue);
void virtio_ready(struct virtio_device *device, void (*interrupt)(void));
void virtio_acknowledge(struct virtio_device *device);
void virtio_offer(struct virtio_device *device, unsigned index, struct virtqueue *queue,
                  uint16_t head);
bool virtio_taken(struct virtqueue *queue, uint16_t *head, uint32_t *length);
volatile void *virtio_config(struct virtio_device *device);

#endif
