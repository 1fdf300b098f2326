// SPDX-License-Identifier: GPL-2.0
/*
 * A module that fails in the way that its parameter names, each a mistake that drivers make:
 * insmod provoke.ko fault=NAME. It needs no header of a kernel; guests/linux/deno/module.ts builds it.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

/* Exported by the kernel. */
extern const char param_ops_charp[];
int _printk(const char *format, ...);
_Noreturn void panic(const char *format, ...);
long schedule_timeout_uninterruptible(long jiffies);

#define NULL ((void *)0)
#define FOREVER 0x7fffffffffffffff
#define EINVAL 22
#define noinline __attribute__((noinline, noclone)) /* a frame of its own in every trace */
#define section(name) __attribute__((used, section(name)))

static char *fault = "none";

/* include/linux/moduleparam.h */
struct kernel_param {
	const char *name;
	void *module;
	const void *operations;
	u16 permissions;
	signed char level;
	u8 flags;
	void *argument;
};

static const struct kernel_param parameter section("__param") __attribute__((aligned(8))) = {
	.name = "fault",
	.operations = param_ops_charp,
	.argument = &fault,
};

/*
 * What the kernel asks of a module beyond its code. Where things are differs from kernel to kernel;
 * MODULE_BYTES, INIT_OFFSET and VERMAGIC are read from a module that came with it.
 */
int init_module(void);

struct module {
	u8 state_and_list[24];
	char name[56];
	u8 more[INIT_OFFSET - 80];
	int (*init)(void);
	u8 rest[MODULE_BYTES - INIT_OFFSET - 8];
};

struct module __this_module section(".gnu.linkonce.this_module") __attribute__((aligned(64))) = {
	.name = "provoke",
	.init = init_module,
};

static const char information[] section(".modinfo") =
	"vermagic=" VERMAGIC "\0license=GPL\0name=provoke\0depends=";

/* BUG() and WARN(): an ebreak, and an entry that says what it means (include/asm-generic/bug.h). */
#define BUGFLAG_WARNING 1
#define report(line, flags)                                  \
	asm volatile("1: ebreak\n\t"                         \
		     ".pushsection __bug_table, \"aw\"\n\t"  \
		     ".align 2\n\t"                          \
		     ".4byte 1b - ., file_name - .\n\t"      \
		     ".2byte %0, %1\n\t"                     \
		     ".popsection"                           \
		     :: "i"(line), "i"(flags))

asm(".pushsection .rodata.file, \"a\"\n"
    "file_name: .asciz \"provoke.c\"\n"
    ".popsection");

/* A reading of a sensor, and where the newest of one is kept. */
struct reading {
	u64 sensor, value;
};

static struct reading readings[] = { { 3, 21 }, { 5, 20 }, { 9, 25 } };

static struct {
	char label[16];
	struct reading *newest;
} panel;

static noinline struct reading *find(u64 sensor)
{
	for (u64 i = 0; i < sizeof(readings) / sizeof(readings[0]); i++)
		if (readings[i].sensor == sensor)
			return &readings[i];
	return NULL;
}

static noinline void show(void)
{
	_printk("provoke: %s %lu\n", panel.label, panel.newest->value);
}

/* There is no sensor 7. */
static noinline void null_pointer(void)
{
	panel.newest = find(7);
	show();
}

static noinline void name_panel(const char *name)
{
	char *to = panel.label;

	while ((*to++ = *name++))
		;
}

/* The name is longer than its place, and runs into the pointer behind. */
static noinline void overrun(void)
{
	panel.newest = find(5);
	name_panel("temperature, outdoors");
	show();
}

static noinline u64 deeper(u64 depth)
{
	volatile char room[512];

	room[depth & 511] = depth;
	return deeper(depth + 1) + room[depth & 511];
}

static noinline void stack(void)
{
	_printk("provoke: %lu\n", deeper(0));
}

static noinline void bug(void)
{
	report(__LINE__, 0);
}

static noinline void warn(void)
{
	report(__LINE__, BUGFLAG_WARNING);
}

/* Waits for what nobody brings about, and lets nobody else run. */
static noinline void lockup(void)
{
	static volatile u64 ready;

	while (!ready)
		;
}

/* The same, and lets others run. */
static noinline void hang(void)
{
	schedule_timeout_uninterruptible(FOREVER);
}

/* Nothing wakes a hart that has disabled every interrupt. */
static noinline void deaf(void)
{
	asm volatile("csrw sie, zero");
	for (;;)
		asm volatile("wfi");
}

/* A trap finds no handler, and that is a trap. */
static noinline void vector(void)
{
	asm volatile("csrw stvec, zero\n\tebreak");
}

static noinline void give_up(void)
{
	panic("provoke: %s after %d tries", "no answer", 3);
}

static const struct {
	const char *name;
	void (*provoke)(void);
} faults[] = {
	{ "null", null_pointer }, { "overrun", overrun }, { "stack", stack }, { "bug", bug },
	{ "warn", warn }, { "lockup", lockup }, { "hang", hang }, { "deaf", deaf },
	{ "vector", vector }, { "panic", give_up },
};

static int is_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int init_module(void)
{
	for (u64 i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (!is_same(faults[i].name, fault))
			continue;
		faults[i].provoke();
		return 0;
	}
	_printk("provoke: no fault \"%s\"\n", fault);
	return -EINVAL;
}
