/*
 * The network card: announces itself, then answers ARP and ping in the receive interrupt.
 * Source: VIRTIO 1.2, 5.1; RFC 826 (ARP), RFC 5227 (announcement), RFC 791, RFC 792 (ICMP echo).
 */
#include "virtio.h"

#define NET_F_MAC (1U << 5)
#define RECEIVE 0
#define TRANSMIT 1

#define HEADER_BYTES 12 /* struct virtio_net_hdr */
#define FRAME_BYTES_MAX 1514

#define ETHERTYPE 12 /* offsets into a frame */
#define ARP 14
#define ARP_OPERATION (ARP + 7)
#define ARP_SENDER (ARP + 8)
#define ARP_TARGET (ARP + 18)
#define IP 14
#define ICMP 34

static struct virtio_device device;
static struct virtqueue receive, transmit;
static uint8_t received[QUEUE_SIZE][HEADER_BYTES + FRAME_BYTES_MAX];
static uint8_t sent[HEADER_BYTES + FRAME_BYTES_MAX];
static bool sending;
static uint8_t mac[6];
static uint8_t address[4] = {10, 0, 2, 0}; /* the last byte is the MAC's */

/* Drops the frame while the one before it is still under way. */
static void send(const uint8_t *frame, size_t bytes) {
  uint16_t head;
  uint32_t length;
  if (virtio_taken(&transmit, &head, &length)) sending = false;
  if (sending) return;
  sending = true;
  memset(sent, 0, HEADER_BYTES);
  memcpy(sent + HEADER_BYTES, frame, bytes);
  transmit.desc[0].address = (uint64_t)sent;
  transmit.desc[0].length = HEADER_BYTES + bytes;
  virtio_offer(&device, TRANSMIT, &transmit, 0);
}

static void announce(void) {
  uint8_t frame[ARP + 28] = {
      [0] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [ETHERTYPE] = 0x08, 0x06,
      [ARP] = 0, 1, 0x08, 0x00, 6, 4, 0, 1, /* Ethernet, IPv4, request */
  };
  memcpy(frame + 6, mac, 6);
  memcpy(frame + ARP_SENDER, mac, 6);
  memcpy(frame + ARP_SENDER + 6, address, 4);
  memcpy(frame + ARP_TARGET + 6, address, 4);
  send(frame, sizeof frame);
}

static void answer_arp(uint8_t *frame, size_t bytes) {
  if (bytes < ARP + 28 || frame[ARP_OPERATION] != 1) return;
  if (memcmp(frame + ARP_TARGET + 6, address, 4)) return;
  memcpy(frame, frame + ARP_SENDER, 6);
  memcpy(frame + 6, mac, 6);
  frame[ARP_OPERATION] = 2;
  memcpy(frame + ARP_TARGET, frame + ARP_SENDER, 10);
  memcpy(frame + ARP_SENDER, mac, 6);
  memcpy(frame + ARP_SENDER + 6, address, 4);
  send(frame, ARP + 28);
}

/* Type 8 becomes 0: the one's complement sum of RFC 792 grows by 0x0800. */
static void answer_echo(uint8_t *frame, size_t bytes) {
  if (bytes < ICMP + 8 || frame[IP] != 0x45 || frame[IP + 9] != 1 || frame[ICMP] != 8) return;
  if (memcmp(frame + IP + 16, address, 4)) return;
  memcpy(frame, frame + 6, 6);
  memcpy(frame + 6, mac, 6);
  memcpy(frame + IP + 16, frame + IP + 12, 4);
  memcpy(frame + IP + 12, address, 4);
  frame[ICMP] = 0;
  uint32_t sum = (frame[ICMP + 2] << 8 | frame[ICMP + 3]) + 0x0800;
  sum = (sum & 0xffff) + (sum >> 16);
  frame[ICMP + 2] = sum >> 8;
  frame[ICMP + 3] = sum;
  send(frame, bytes);
}

static void interrupt(void) {
  uint16_t head;
  uint32_t length;
  virtio_acknowledge(&device);
  while (virtio_taken(&receive, &head, &length)) {
    uint8_t *frame = received[head] + HEADER_BYTES;
    size_t bytes = length - HEADER_BYTES;
    if (frame[ETHERTYPE] == 0x08 && frame[ETHERTYPE + 1] == 0x06) answer_arp(frame, bytes);
    if (frame[ETHERTYPE] == 0x08 && frame[ETHERTYPE + 1] == 0x00) answer_echo(frame, bytes);
    virtio_offer(&device, RECEIVE, &receive, head);
  }
}

void net_init(void) {
  if (!virtio_find(&device, VIRTIO_NET, NET_F_MAC)) return;
  const volatile uint8_t *config = virtio_config(&device);
  for (unsigned i = 0; i < 6; i++) mac[i] = config[i];
  address[3] = mac[5];
  virtio_queue(&device, RECEIVE, &receive);
  virtio_queue(&device, TRANSMIT, &transmit);
  virtio_ready(&device, interrupt);
  for (unsigned i = 0; i < QUEUE_SIZE; i++) {
    receive.desc[i].address = (uint64_t)received[i];
    receive.desc[i].length = sizeof received[i];
    receive.desc[i].flags = DESC_WRITE;
    virtio_offer(&device, RECEIVE, &receive, i);
  }
  print("pocket: network card in slot %lu, 10.0.2.%lu\n", (uint64_t)device.slot,
        (uint64_t)address[3]);
  announce();
}
