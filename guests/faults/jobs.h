/* What clerk can be made to do: sound work that a host can spoil, and work with a bug. */
#ifndef JOBS_H
#define JOBS_H

#include "../pocket/kernel.h"

/* Numbered as in jobs.c. */
extern void (*const jobs[])(void);

/* To be called by whoever works, or the overseer gives up. */
void progress(void);

/* disk.c */
void disk_store(void), disk_polite(void), disk_retry(void), disk_index(void);
void disk_retry_then_null(void), disk_past_end(void), disk_wrong_sector(void), disk_checked(void);
void disk_unwritten(void), disk_sums_then_null(void), disk_impatient(void);
/* nic.c */
void nic_sort(void), nic_sort_checked(void), nic_checked_then_null(void), nic_starves(void);
void nic_no_room(void), nic_needs_link(void), nic_strict(void);
/* timer.c */
void timer_steady(void), timer_disarmed(void), timer_narrow(void), timer_unsigned(void);
void timer_sleep_then_null(void), timer_hasty(void);
/* cpu.c */
void cpu_sum(void), cpu_table(void), cpu_lost_vector(void), cpu_misaligned(void), cpu_deadline(void);
void cpu_sum_then_table(void);
/* memory.c */
void memory_scrub(void), memory_list(void), memory_stray(void), memory_null(void);
void memory_exhausted(void), memory_list_cut(void);
/* console.c */
void console_prompt(void), console_menu(void), console_null_text(void);
void console_menu_checked_then_null(void), console_never_reads(void), console_hasty(void);
/* platform.c */
void platform_strict(void), platform_deaf(void), platform_absent(void), platform_reset(void);
void platform_fails(void);
/* whole.c */
void whole_forgotten(void), whole_recursion(void), whole_audit(void), whole_sound(void);

#endif
