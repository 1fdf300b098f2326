#include "jobs.h"

void (*const jobs[])(void) = {
    whole_sound,        whole_forgotten,   whole_recursion,      whole_audit,
    disk_store,         disk_polite,       disk_retry,           disk_index,
    disk_retry_then_null, disk_past_end,   disk_wrong_sector,    disk_checked,
    disk_unwritten,     disk_sums_then_null,
    nic_sort,           nic_sort_checked,  nic_checked_then_null, nic_starves, nic_no_room,
    timer_steady,       timer_disarmed,    timer_narrow,         timer_unsigned,
    timer_sleep_then_null,
    cpu_sum,            cpu_table,         cpu_lost_vector,      cpu_misaligned, cpu_deadline,
    cpu_sum_then_table,
    memory_scrub,       memory_list,       memory_stray,         memory_null, memory_exhausted,
    memory_list_cut,
    console_prompt,     console_menu,      console_null_text,    console_menu_checked_then_null,
    console_never_reads,
    platform_strict,    platform_deaf,     platform_absent,      platform_reset, platform_fails,
    disk_impatient,     timer_hasty,       console_hasty,        nic_needs_link, nic_strict,
};
