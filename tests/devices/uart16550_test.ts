/** The 16550, played by drivers as OpenSBI's and Linux's 8250. Sections: National PC16550D data sheet. */
import { assertEquals, assertThrows } from "@std/assert";
import { BACKLOG_BYTES_MAX } from "../../devices/byte_backlog.ts";
import { Uart16550 } from "../../devices/uart16550.ts";
import { abuse, ascii, moved, runTo, TestPorts } from "./driver.ts";

const RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7;
const LSR_OE = 0x02;

function bench() {
  const ports = new TestPorts();
  const build = () => new Uart16550({ id: "uart0" }, ports);
  const uart = build();
  return {
    ports,
    uart,
    build,
    get: (offset: number) => uart.read(offset, 1),
    set: (offset: number, value: number) => uart.write(offset, 1, value),
    type: (text: string) => uart.input({ device: "uart0", kind: "console", bytes: ascii(text) }),
  };
}

Deno.test("Uart16550 sends each byte at once and is always ready for the next", () => {
  const { ports, get, set } = bench();
  for (const byte of ascii("hello")) {
    assertEquals(get(LSR) & 0x60, 0x60); // THRE, TEMT
    set(THR, byte);
  }
  assertEquals(ports.outputs.length, 5);
  assertEquals(ports.text(), "hello");
});

Deno.test("Uart16550 hides RBR, THR and IER behind DLAB (8.1)", () => {
  const { ports, get, set } = bench();
  set(LCR, 0x83);
  set(0, 0x34);
  set(1, 0x12);
  assertEquals([get(0), get(1)], [0x34, 0x12]);
  set(LCR, 0x03);
  assertEquals([get(RBR), get(IER), get(LCR)], [0, 0, 3]);
  assertEquals(ports.outputs, []);
});

Deno.test("Uart16550 keeps 4 bits of IER, 5 of MCR and all of SCR", () => {
  const { get, set } = bench();
  [IER, MCR, SCR].forEach((offset) => set(offset, 0xff));
  assertEquals([get(IER), get(MCR), get(SCR)], [0x0f, 0x1f, 0xff]);
});

Deno.test("Uart16550 identifies as a 16550A to Linux's probe", () => {
  const { get, set } = bench();
  set(FCR, 0x01);
  assertEquals(get(IIR), 0xc1);
  set(FCR, 0x00);
  assertEquals(get(IIR), 0x01);
  set(MCR, 0x10 | 0x0a); // loopback, OUT2, RTS: the probe wants DCD and CTS alone
  assertEquals(get(MSR) & 0xf0, 0x90);
  set(MCR, 0);
  assertEquals(get(MSR) & 0xf0, 0xb0);
});

Deno.test("Uart16550 raises THR-empty on enabling and on sending; reading IIR clears it (8.5)", () => {
  const { ports, get, set } = bench();
  set(IER, 0x02);
  assertEquals(ports.irq.level, true);
  assertEquals(get(IIR), 0x02);
  assertEquals(ports.irq.level, false);
  assertEquals(get(IIR), 0x01);
  set(THR, 0x41);
  assertEquals(ports.irq.level, true);
  set(IER, 0x00);
  assertEquals(ports.irq.level, false);
  set(IER, 0x02);
  assertEquals(get(IIR), 0x02); // UART_BUG_TXEN must not be seen
});

Deno.test("Uart16550 does not clear THR-empty by an IIR that shows something else", () => {
  const { get, set, type } = bench();
  set(IER, 0x03);
  type("x");
  assertEquals(get(IIR), 0x04);
  get(RBR);
  assertEquals(get(IIR), 0x02);
});

Deno.test("Uart16550 interrupts at the trigger level and by timeout below it (8.6)", () => {
  const { ports, uart, get, set, type } = bench();
  set(LCR, 0x83);
  set(0, 2); // 115200 baud: a character of 10 bits takes 86.8 us
  set(LCR, 0x03);
  set(FCR, 0x81); // 8 bytes
  set(IER, 0x01);
  type("1234567");
  assertEquals(ports.irq.level, false);
  type("8");
  assertEquals([ports.irq.level, get(IIR)], [true, 0xc4]);
  assertEquals(get(RBR), 0x31);
  assertEquals(ports.irq.level, false);
  const timeout = uart.deadline();
  assertEquals(timeout, 4 * Math.ceil(10 * 16 * 2 * 1e9 / 3_686_400));
  runTo(uart, ports.clock, timeout - 1);
  assertEquals(ports.irq.level, false);
  runTo(uart, ports.clock, timeout);
  assertEquals([ports.irq.level, get(IIR)], [true, 0xcc]);
  assertEquals(get(RBR), 0x32); // a read clears the timeout and restarts its timer
  assertEquals([ports.irq.level, uart.deadline()], [false, timeout + timeout]);
});

Deno.test("Uart16550 keeps what the FIFO has no room for, in order", () => {
  const { get, set, type } = bench();
  const text = "the quick brown fox jumps over the lazy dog";
  type(text.slice(0, 20));
  type(text.slice(20));
  let seen = "";
  while (get(LSR) & 0x01) seen += String.fromCharCode(get(RBR));
  assertEquals(seen, text);
  set(FCR, 1);
  type(text);
  seen = "";
  while (get(LSR) & 0x01) seen += String.fromCharCode(get(RBR));
  assertEquals(seen, text);
});

Deno.test("Uart16550 clears the FIFO on FCR, not what waits outside it (8.4)", () => {
  const { get, set, type } = bench();
  set(FCR, 1);
  type("0123456789abcdefXYZ");
  set(FCR, 3);
  assertEquals(String.fromCharCode(get(RBR)), "X");
});

Deno.test("Uart16550 loops bytes and modem lines back, and reports overruns (8.3, 8.7)", () => {
  const { ports, get, set, type } = bench();
  set(MCR, 0x10);
  get(MSR);
  type("host"); // the serial input is cut off
  assertEquals(get(LSR) & 0x01, 0);
  set(THR, 0x55);
  assertEquals(get(LSR), 0x61);
  set(THR, 0x66);
  assertEquals(get(LSR), 0x63); // OE, and reading clears it
  assertEquals(get(LSR), 0x61);
  assertEquals(get(RBR), 0x66); // without FIFOs the new byte replaces the old one
  set(MCR, 0x14); // OUT1 drives RI
  assertEquals(get(MSR), 0x40);
  set(MCR, 0x10);
  assertEquals(get(MSR), 0x04); // its trailing edge
  set(MCR, 0x11);
  assertEquals(get(MSR), 0x22); // DTR drives DSR
  assertEquals(ports.outputs, []);
  set(MCR, 0x00);
  assertEquals(String.fromCharCode(get(RBR)), "h");
});

Deno.test("Uart16550 reports modem status and line status interrupts in their order", () => {
  const { ports, get, set } = bench();
  set(MCR, 0x10);
  get(MSR);
  set(IER, 0x0d);
  set(THR, 1);
  set(MCR, 0x12);
  set(THR, 2);
  assertEquals(get(IIR), 0x06);
  get(LSR);
  assertEquals(get(IIR), 0x04);
  get(RBR);
  assertEquals(get(IIR), 0x00);
  get(MSR);
  assertEquals([get(IIR), ports.irq.level], [0x01, false]);
});

Deno.test("Uart16550 takes wider accesses at one register, as QEMU 7.2 does", () => {
  const { ports, uart } = bench();
  uart.write(THR, 4, 0x1234_5641);
  assertEquals(ports.text(), "A");
  assertEquals(uart.read(LSR - 1, 4), 0);
});

Deno.test("Uart16550 refuses inputs of another kind", () => {
  const { uart } = bench();
  assertThrows(() => uart.input({ device: "uart0", kind: "link", up: true }), RangeError, "link");
});

Deno.test("Uart16550 overruns where the guest never reads: the emulator goes on", () => {
  const { uart, type } = bench();
  type("a".repeat(BACKLOG_BYTES_MAX));
  type("b");
  assertEquals(uart.read(LSR, 1) & LSR_OE, 0);
  type("c".repeat(100));
  assertEquals(uart.read(LSR, 1) & LSR_OE, LSR_OE);
  assertEquals(uart.read(LSR, 1) & LSR_OE, 0, "reading it clears it");
  assertEquals(uart.read(RBR, 1), "a".charCodeAt(0));
});

Deno.test("Uart16550 state round-trips with bytes in FIFO and backlog", () => {
  const { ports, uart, build, set, type } = bench();
  set(FCR, 0xc1);
  set(IER, 0x03);
  type("a line that is longer than sixteen bytes");
  const other = moved(uart, build());
  runTo(other, ports.clock, other.deadline());
  let seen = "";
  while (other.read(LSR, 1) & 0x01) seen += String.fromCharCode(other.read(RBR, 1));
  assertEquals(seen, "a line that is longer than sixteen bytes");
});

Deno.test("Uart16550 survives 100,000 random accesses", () => {
  abuse(0x55, 100_000, () => {
    const { ports, uart, build } = bench();
    let sent = 0;
    return {
      device: uart,
      fresh: build,
      offsets: [0, 0, 0, 1, 2, 3, 4, 5, 6, 7],
      other: (device, random) => {
        sent += ports.taken().length;
        if (random.below(8) > 0) return;
        const bytes = random.bytes(random.below(40));
        device.input({ device: "uart0", kind: "console", bytes });
      },
      clock: ports.clock,
      trace: () => [sent, ports.irq.level],
    };
  });
});
