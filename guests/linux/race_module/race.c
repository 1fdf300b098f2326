// SPDX-License-Identifier: GPL-2.0
/*
 * A lost update in straight-line code of a kernel module: a loop adds to a counter without
 * atomicity, a high-resolution timer's interrupt does too, and no branch is between load and store.
 */
#include <linux/hrtimer.h>
#include <linux/module.h>

#define INTERRUPTS 2000
#define PERIOD_NS 20300

static u64 counter, interrupts;
static struct hrtimer timer;

static enum hrtimer_restart add(struct hrtimer *it)
{
	WRITE_ONCE(counter, counter + 1);
	WRITE_ONCE(interrupts, interrupts + 1);
	if (interrupts >= INTERRUPTS)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(it, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

/* 43 instructions within a page: load, work, store. */
static noinline __aligned(256) void add_slowly(void)
{
	u64 value;

	asm volatile("ld %0, %1\n\t"
		     "addi %0, %0, 1\n\t"
		     ".rept 40\n\t"
		     "xor t0, t0, %0\n\t"
		     ".endr\n\t"
		     "sd %0, %1"
		     : "=&r"(value), "+m"(counter)
		     :
		     : "t0");
}

static int __init race_init(void)
{
	u64 updates = 0;

	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer.function = add;
	hrtimer_start(&timer, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_HARD);
	while (READ_ONCE(interrupts) < INTERRUPTS) {
		add_slowly();
		updates++;
	}
	hrtimer_cancel(&timer);
	updates += interrupts;
	pr_alert("race: lost %llu of %llu\n", updates - counter, updates);
	return 0;
}

static void __exit race_exit(void)
{
}

module_init(race_init);
module_exit(race_exit);
MODULE_DESCRIPTION("loses updates where interrupts come in the midst of a block");
MODULE_LICENSE("GPL");
