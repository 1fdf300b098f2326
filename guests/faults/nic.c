/* Letters come as frames: the word behind the Ethernet header says into which box. */
#include "../pocket/virtio.h"
#include "jobs.h"

#define HEADER_BYTES 12 /* struct virtio_net_hdr */
#define BOX (HEADER_BYTES + 14)
#define BOXES 64
#define LETTERS 4
#define BUFFERS 2
#define NET_F_STATUS (1U << 16)
#define NET_S_LINK_UP 1

static struct virtio_device device;
static struct virtqueue inbox;
static uint8_t received[BUFFERS][2048];
static volatile bool came;
static uint64_t boxes[BOXES];
static uint64_t *volatile nothing;

static void interrupt(void) {
  virtio_acknowledge(&device);
  came = true;
}

static void open_with(uint32_t features, void (*handler)(void)) {
  if (!virtio_find(&device, VIRTIO_NET, features)) panic("no network card");
  virtio_queue(&device, 0, &inbox);
  virtio_ready(&device, handler);
  for (unsigned i = 0; i < BUFFERS; i++) {
    inbox.desc[i].address = (uint64_t)received[i];
    inbox.desc[i].length = sizeof received[i];
    inbox.desc[i].flags = DESC_WRITE;
    virtio_offer(&device, 0, &inbox, i);
  }
}

static void open(void) { open_with(0, interrupt); }

/* @param give_back the buffer, so that another letter can come into it */
static uint32_t next_box(bool give_back) {
  uint16_t head;
  uint32_t length, box;
  while (!virtio_taken(&inbox, &head, &length)) {
    task_wait(&came);
    came = false;
  }
  memcpy(&box, received[head] + BOX, sizeof box);
  if (give_back) virtio_offer(&device, 0, &inbox, head);
  progress();
  return box;
}

/* Believes what is in a letter. */
void nic_sort(void) {
  open();
  for (unsigned i = 0; i < LETTERS; i++) boxes[next_box(true)]++;
}

void nic_sort_checked(void) {
  open();
  for (unsigned i = 0; i < LETTERS; i++) {
    uint32_t box = next_box(true);
    if (box < BOXES) boxes[box]++;
  }
}

/* Bug: a total that is kept nowhere. */
void nic_checked_then_null(void) {
  nic_sort_checked();
  *nothing += boxes[0];
}

struct net_config {
  uint8_t mac[6];
  uint16_t status;
};

static void interrupt_of_link(void) {
  interrupt();
  volatile struct net_config *config = virtio_config(&device);
  if (!(config->status & NET_S_LINK_UP)) panic("the link is down");
}

/* Gives up where there is no link. */
void nic_needs_link(void) {
  open_with(NET_F_STATUS, interrupt_of_link);
  for (unsigned i = 0; i < LETTERS; i++) boxes[next_box(true)]++;
}

/* Bug: an interrupt need not bring a letter (VIRTIO 1.2, 2.7.7.1). */
void nic_strict(void) {
  open();
  for (unsigned i = 0; i < LETTERS; i++) {
    uint16_t head;
    uint32_t length;
    task_wait(&came);
    came = false;
    if (!virtio_taken(&inbox, &head, &length)) panic("an interrupt without a letter");
    virtio_offer(&device, 0, &inbox, head);
    progress();
  }
}

/* Bug: never gives a buffer back. */
void nic_starves(void) {
  open();
  for (unsigned i = 0; i < LETTERS; i++) next_box(false);
}

/* Bug: a letter in the box that is its number, a billion of them apart. */
void nic_no_room(void) {
  open();
  uint64_t *volatile room = boxes;
  for (uint64_t i = 0; i < LETTERS; i++) next_box(true), room[i << 30]++;
}
