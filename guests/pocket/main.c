/* pocket: a small kernel for one hart of the QEMU `virt` board. */
#include "kernel.h"

_Noreturn void main(void) {
  trap_init();
  paging_init();
  plic_init();
  console_init();
  print("pocket: up: %lu KiB at 0x%lx, Sv39, %lu ticks a second\n", RAM_BYTES / 1024, RAM,
        (uint64_t)TICK_HZ);
  disk_init();
  if (!disk_present()) print("pocket: no disk\n");
  net_init();
  sampler_init();
  ledger_init();
  task_create("sampler", sampler_run);
  task_create("ledger", ledger_run);
  timer_init();
  task_idle();
}
