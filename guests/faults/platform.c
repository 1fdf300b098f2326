/* Work with the board itself. */
#include "jobs.h"

#define TICKS 60
#define ABSENT 0x10020000UL

static volatile uint8_t *const uart = (volatile uint8_t *)UART;

static void strict(void) {
  if (!(uart[5] & 1)) panic("an interrupt without a cause");
  console_interrupt();
}

/* Takes an interrupt at its word. */
void platform_strict(void) {
  plic_enable(UART_IRQ, strict);
  for (unsigned i = 0; i < TICKS; i++) progress(), task_sleep(1);
}

/* Bug: closes its ears, then waits for the disk. */
void platform_deaf(void) {
  uint8_t sector[SECTOR_BYTES];
  *(volatile uint32_t *)(PLIC + 0x2080) = 0;
  disk_read(0, sector);
}

/* Bug: there is no such device. */
void platform_absent(void) { *(volatile uint32_t *)ABSENT = 1; }

/* Bug: takes the reset for the power switch. */
void platform_reset(void) {
  *(volatile uint32_t *)FINISHER = 0x7777;
  for (;;) asm volatile("wfi");
}

/* Bug: gives up for no reason. */
void platform_fails(void) {
  task_sleep(30);
  power_fail(9);
}
