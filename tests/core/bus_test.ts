/** Which device answers at which address, and in which widths. */
import { assertEquals, assertThrows } from "@std/assert";
import { DeviceBus } from "../../core/bus.ts";
import type { Device, Width } from "../../core/device.ts";

/** Notes its accesses and answers with the low byte of each offset, repeated. */
class Notes implements Device {
  readonly log: string[] = [];

  constructor(
    readonly id: string,
    readonly sizeBytes: number,
    readonly widths: readonly Width[] = [1, 2, 4, 8],
  ) {}

  read(offset: number, width: Width): number {
    this.log.push(`read ${offset} ${width}`);
    return (offset & 0xff) * 0x01010101 >>> (32 - 8 * width);
  }

  write(offset: number, width: Width, value: number): void {
    this.log.push(`write ${offset} ${width} 0x${value.toString(16)}`);
  }

  save() {
    return { version: 1 };
  }

  restore(): void {}
}

Deno.test("DeviceBus gives each access to the device at its address", () => {
  const [a, b] = [new Notes("a", 0x1000), new Notes("b", 0x3000)];
  const bus = new DeviceBus([{ base: 0x1000_0000, device: a }, { base: 0x1000_1000, device: b }]);
  assertEquals(bus.load(0x1000_0ffe, 2), 0xfefe);
  assertEquals(bus.high, 0);
  assertEquals(bus.load(0x1000_3ff8, 8), 0xf8f8_f8f8);
  assertEquals(bus.high, 0xfcfc_fcfc);
  assertEquals(bus.store(0x1000_1001, 1, 0xffff_ff80, 0), true);
  assertEquals(bus.store(0x1000_1002, 2, 0xffff_ff80, 0), true);
  assertEquals(bus.store(0x1000_1004, 4, 0xffff_ff80, 0), true);
  assertEquals(bus.store(0x1000_1008, 8, 0x89ab_cdef, 0x8123_4567), true);
  assertEquals(a.log, ["read 4094 2"]);
  assertEquals(b.log, [
    "read 12280 4",
    "read 12284 4",
    "write 1 1 0x80",
    "write 2 2 0xff80",
    "write 4 4 0xffffff80",
    "write 8 4 0x89abcdef",
    "write 12 4 0x81234567",
  ]);
});

Deno.test("DeviceBus answers nothing where there is no device, or not in that width", () => {
  const small = new Notes("small", 0x104, [4]);
  const bus = new DeviceBus([{ base: 0x2000, device: small }]);
  for (
    const [address, width] of [[0x1ffc, 4], [0x3000, 4], [0x2104, 4], [0x2000, 1], [0x2000, 8]]
  ) {
    assertEquals(bus.load(address, width), undefined, `0x${address.toString(16)}, ${width} bytes`);
    assertEquals(bus.store(address, width, 1, 2), false);
  }
  assertEquals(bus.load(0x2100, 4), 0);
  assertEquals(small.log, ["read 256 4"]);
  // A device that takes 8 bytes has none of the last 4.
  const wide = new DeviceBus([{ base: 0, device: new Notes("wide", 0x104) }]);
  assertEquals(wide.load(0x100, 8), undefined);
});

Deno.test("DeviceBus forgets the upper half of an 8-byte load with the next one", () => {
  const bus = new DeviceBus([{ base: 0, device: new Notes("a", 0x1000) }]);
  bus.load(0x10, 8);
  assertEquals(bus.high, 0x1414_1414);
  bus.load(0x10, 4);
  assertEquals(bus.high, 0);
});

Deno.test("DeviceBus refuses devices that overlap or are not aligned, and names them", () => {
  const at = (base: number, id: string, sizeBytes = 0x2000) => ({
    base,
    device: new Notes(id, sizeBytes),
  });
  assertThrows(
    () => new DeviceBus([at(0x1000, "rtc"), at(0x2000, "uart0")]),
    RangeError,
    `Cannot attach "uart0" at 0x2000: overlaps "rtc"`,
  );
  assertThrows(() => new DeviceBus([at(0x1800, "rtc")]), RangeError, `"rtc" at 0x1800`);
});
