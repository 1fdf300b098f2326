/* Where the QEMU `virt` board puts things. Source: its device tree. */
#ifndef BOARD_H
#define BOARD_H

#define RAM 0x80000000UL
#define RAM_BYTES 0x100000UL /* what pocket uses of it */

#define FINISHER 0x00100000UL /* sifive,test0 */
#define PLIC 0x0c000000UL
#define UART 0x10000000UL
#define UART_IRQ 10
#define VIRTIO(slot) (0x10001000UL + (slot) * 0x1000UL)
#define VIRTIO_IRQ(slot) (1 + (slot))
#define VIRTIO_SLOTS 8

#define TIMEBASE_HZ 10000000UL

#endif
