/** The test finisher, played by a guest that ends. Codes: SiFive FU540 manual; QEMU 7.2, -M virt. */
import { assertEquals, assertThrows } from "@std/assert";
import { Finisher } from "../../devices/finisher.ts";
import { abuse, moved, TestPorts } from "./driver.ts";

Deno.test("Finisher does poweroff, reset and fail with the guest's code", () => {
  const ports = new TestPorts();
  const finisher = new Finisher({ id: "finisher" }, ports);
  finisher.write(0, 4, 0x5555);
  finisher.write(0, 4, 0x7777);
  finisher.write(0, 4, 0xabcd_3333);
  finisher.write(0, 2, 0x3333);
  assertEquals(ports.taken(), [
    { kind: "power", action: "poweroff", code: 0 },
    { kind: "power", action: "reset", code: 0 },
    { kind: "power", action: "fail", code: 0xabcd },
    { kind: "power", action: "fail", code: 0 },
  ]);
});

Deno.test("Finisher ignores other values and offsets and reads as 0", () => {
  const ports = new TestPorts();
  const finisher = new Finisher({ id: "finisher" }, ports);
  finisher.write(0, 4, 0x1234);
  finisher.write(4, 4, 0x5555);
  assertEquals(finisher.read(0, 4), 0);
  assertEquals(ports.taken(), []);
});

Deno.test("Finisher refuses a state of another version", () => {
  const finisher = new Finisher({ id: "finisher" }, new TestPorts());
  assertThrows(() => finisher.restore({ version: 2 }), RangeError, `"finisher"`);
  moved(finisher, new Finisher({ id: "finisher" }, new TestPorts()));
});

Deno.test("Finisher survives 100,000 random accesses", () => {
  abuse(0xf1, 100_000, () => {
    const ports = new TestPorts();
    let sent = 0;
    return {
      device: new Finisher({ id: "finisher" }, ports),
      fresh: () => new Finisher({ id: "finisher" }, ports),
      offsets: [0, 2, 4],
      value: () => 0x5555,
      other: () => sent += ports.taken().length,
      clock: ports.clock,
      trace: () => sent,
    };
  });
});
