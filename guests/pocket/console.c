/* The console: a 16550 with polled output and input by interrupt. Source: PC16550D data sheet, 8. */
#include <stdarg.h>

#include "kernel.h"

#define RBR 0 /* receiver buffer */
#define THR 0 /* transmitter holding */
#define IER 1 /* interrupt enable */
#define FCR 2 /* FIFO control */
#define LCR 3 /* line control */
#define LSR 5 /* line status */

#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY 0x20

#define TYPED_SIZE 64 /* a power of two */

static volatile uint8_t *const uart = (volatile uint8_t *)UART;
static char typed[TYPED_SIZE];
static volatile unsigned typed_in, typed_out;

void console_init(void) {
  uart[IER] = 0;
  uart[LCR] = 0x03; /* 8 bits, no parity, one stop bit */
  uart[FCR] = 0x07; /* FIFOs on and empty */
  plic_enable(UART_IRQ, console_interrupt);
  uart[IER] = 0x01; /* received data available */
}

void console_interrupt(void) {
  while (uart[LSR] & LSR_DATA_READY) {
    char c = uart[RBR];
    if (typed_in - typed_out < TYPED_SIZE) typed[typed_in++ % TYPED_SIZE] = c;
  }
}

int console_getc(void) {
  if (typed_in == typed_out) return -1;
  return (unsigned char)typed[typed_out++ % TYPED_SIZE];
}

static void put(char c) {
  if (c == '\n') put('\r');
  while (!(uart[LSR] & LSR_THR_EMPTY)) {}
  uart[THR] = c;
}

static void put_number(uint64_t value, unsigned base, unsigned digits_min) {
  char digits[20];
  unsigned count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value || count < digits_min);
  while (count) put(digits[--count]);
}

/* Knows %s, %c, %lu, %ld, %lx and %016lx. One call is never torn apart by the other task. */
void print(const char *format, ...) {
  bool on = interrupts_off();
  va_list arguments;
  va_start(arguments, format);
  for (const char *p = format; *p; p++) {
    if (*p != '%') {
      put(*p);
      continue;
    }
    p++;
    unsigned digits_min = 1;
    if (*p == '0') digits_min = 16, p += 3;
    if (*p == 'l') p++;
    if (*p == 's') {
      for (const char *s = va_arg(arguments, const char *); *s; s++) put(*s);
    } else if (*p == 'c') {
      put(va_arg(arguments, int));
    } else if (*p == 'd') {
      int64_t value = va_arg(arguments, int64_t);
      if (value < 0) put('-');
      put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, 1);
    } else {
      put_number(va_arg(arguments, uint64_t), *p == 'x' ? 16 : 10, digits_min);
    }
  }
  va_end(arguments);
  interrupts_restore(on);
}
