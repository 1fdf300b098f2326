/* The platform-level interrupt controller, context 1: S-mode of hart 0. Source: RISC-V PLIC 1.0. */
#include "kernel.h"

#define PLIC_IRQS 16

static volatile uint32_t *const priority = (volatile uint32_t *)PLIC;
static volatile uint32_t *const enable = (volatile uint32_t *)(PLIC + 0x2080);
static volatile uint32_t *const threshold = (volatile uint32_t *)(PLIC + 0x201000);
static volatile uint32_t *const claim = (volatile uint32_t *)(PLIC + 0x201004);

static void (*handlers[PLIC_IRQS])(void);

void plic_init(void) {
  *enable = 0;
  *threshold = 0;
  csr_set(sie, SIE_SEIE);
}

void plic_enable(unsigned irq, void (*handler)(void)) {
  handlers[irq] = handler;
  priority[irq] = 1;
  *enable |= 1U << irq;
}

void plic_interrupt(void) {
  uint32_t irq;
  while ((irq = *claim)) {
    if (irq < PLIC_IRQS && handlers[irq]) handlers[irq]();
    *claim = irq; /* completion */
  }
}
