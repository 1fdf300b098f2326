/* Sv39, identity mapped, 4 KiB pages. Source: privileged specification, Sv39 (page tables, PTE). */
#include "kernel.h"

#define PAGE_BYTES 4096UL
#define PTE_V 0x01UL
#define PTE_R 0x02UL
#define PTE_W 0x04UL
#define PTE_X 0x08UL
#define PTE_AD 0xc0UL /* accessed and dirty: pocket never asks which page was */
#define TABLES 8

extern char text_end[], rodata_end[];

static uint64_t table[TABLES][512] __attribute__((aligned(4096)));
static unsigned tables_used = 1; /* table[0] is the root */

static uint64_t *next_level(uint64_t *entry) {
  if (!(*entry & PTE_V)) {
    if (tables_used == TABLES) panic("out of page tables");
    *entry = (uint64_t)table[tables_used++] >> 12 << 10 | PTE_V;
  }
  return (uint64_t *)(*entry >> 10 << 12);
}

static void map(uint64_t from, uint64_t to, uint64_t access) {
  for (uint64_t page = from; page < to; page += PAGE_BYTES) {
    uint64_t *level1 = next_level(&table[0][page >> 30 & 511]);
    uint64_t *level0 = next_level(&level1[page >> 21 & 511]);
    level0[page >> 12 & 511] = page >> 12 << 10 | access | PTE_AD | PTE_V;
  }
}

/* Only what is there is mapped: a wild pointer is a page fault, and so is a null pointer. */
void paging_init(void) {
  map(RAM, (uint64_t)text_end, PTE_R | PTE_X);
  map((uint64_t)text_end, (uint64_t)rodata_end, PTE_R);
  map((uint64_t)rodata_end, RAM + RAM_BYTES, PTE_R | PTE_W);
  map(FINISHER, FINISHER + PAGE_BYTES, PTE_R | PTE_W);
  map(PLIC, PLIC + 3 * PAGE_BYTES, PTE_R | PTE_W);                    /* priorities, enables */
  map(PLIC + 0x200000, PLIC + 0x200000 + 2 * PAGE_BYTES, PTE_R | PTE_W); /* contexts 0 and 1 */
  map(UART, UART + PAGE_BYTES, PTE_R | PTE_W);
  map(VIRTIO(0), VIRTIO(VIRTIO_SLOTS), PTE_R | PTE_W);
  csr_write(satp, SATP_SV39 | (uint64_t)table[0] >> 12);
  asm volatile("sfence.vma" : : : "memory");
}
