/* What the parts of pocket offer to each other, one section per file. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "riscv.h"

/* console.c: the 16550 and formatted output */
void console_init(void);
void console_interrupt(void);
int console_getc(void); /* the next typed character, or -1 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* finisher.c: how the machine ends */
_Noreturn void power_off(void);
_Noreturn void power_fail(uint16_t code);

/* memory.c: the heap; memcpy and its kin */
void *heap_alloc(size_t bytes); /* lives as long as the kernel */
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

/* paging.c: Sv39, identity mapped */
void paging_init(void);

/* plic.c: external interrupts */
void plic_init(void);
void plic_enable(unsigned irq, void (*handler)(void));
void plic_interrupt(void);

/* timer.c: TICK_HZ interrupts a second through Sstc */
#define TICK_HZ 1000
void timer_init(void);
void timer_interrupt(void);
uint64_t timer_now(void);   /* in ticks of the timebase */
uint64_t timer_ticks(void); /* in timer interrupts */

/* task.c: preemptive round robin */
void task_create(const char *name, void (*run)(void));
void task_schedule(void); /* with interrupts off */
void task_sleep(uint64_t ticks);
void task_wait(volatile bool *until);
_Noreturn void task_idle(void);
const char *task_name(void);

/* trap.c */
struct trap_frame {
  uint64_t x[32]; /* x[0] is not used */
  uint64_t sepc;
  uint64_t sstatus;
};
void trap_init(void);
_Noreturn void panic(const char *why);

/* virtio_blk.c, virtio_net.c: absent devices are no error */
#define SECTOR_BYTES 512
void disk_init(void);
bool disk_present(void);
bool disk_read(uint64_t sector, void *bytes);
bool disk_write(uint64_t sector, const void *bytes);
void net_init(void);

/* sampler.c, ledger.c: the two tasks */
void sampler_init(void);
void sampler_run(void);
void ledger_init(void);
void ledger_run(void);

static inline bool interrupts_off(void) { return csr_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE; }
static inline void interrupts_restore(bool on) {
  if (on) csr_set(sstatus, SSTATUS_SIE);
}

#endif
