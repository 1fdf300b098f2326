/* Work with whoever types. */
#include "jobs.h"

#define CHOICES 4

static uint64_t chosen_times[CHOICES];
static uint64_t *volatile nothing;
static const char *volatile no_text;

static int typed(void) {
  for (;;) {
    int c = console_getc();
    if (c >= 0) return c;
    task_sleep(1);
  }
}

/* Needs a line within the overseer's patience. */
void console_prompt(void) {
  print("clerk: go? ");
  while (typed() != '\n') {}
  progress();
}

/* Believes that what is typed is one of the choices. */
void console_menu(void) {
  for (int c; (c = typed()) != '\n'; progress()) chosen_times[(uint64_t)(c - 'a') << 32]++;
}

/* Bug: a total that is kept nowhere; no fault of what was typed, or when. */
void console_menu_checked_then_null(void) {
  for (int c; (c = typed()) != '\n'; progress())
    if (c >= 'a' && c < 'a' + CHOICES) chosen_times[c - 'a']++;
  *nothing += chosen_times[0];
}

/* Bug: waits for one more than it asks for. */
void console_never_reads(void) {
  print("clerk: a letter, please: ");
  typed();
  typed();
}

static volatile bool rang;

static void ring(void) {
  rang = true;
  console_interrupt();
}

/* Bug: nobody has promised that a key is there by then. */
void console_hasty(void) {
  plic_enable(UART_IRQ, ring);
  task_sleep(30);
  if (!rang) panic("no key");
}

/* Bug: a text that nobody has set. */
void console_null_text(void) { print("clerk: %s\n", no_text); }
