/** The goldfish RTC, played by a driver as Linux's rtc-goldfish. */
import { assertEquals } from "@std/assert";
import { GoldfishRtc } from "../../devices/goldfish_rtc.ts";
import { abuse, moved, runTo, TestPorts } from "./driver.ts";

const TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c;

function bench() {
  const ports = new TestPorts();
  const build = () => new GoldfishRtc({ id: "rtc" }, ports);
  const rtc = build();
  const time = () => BigInt(rtc.read(TIME_LOW, 4)) | BigInt(rtc.read(TIME_HIGH, 4)) << 32n;
  const setAlarm = (value: bigint) => {
    rtc.write(ALARM_HIGH, 4, Number(value >> 32n));
    rtc.write(ALARM_LOW, 4, Number(value & 0xffff_ffffn));
  };
  return { ports, rtc, build, time, setAlarm };
}

Deno.test("GoldfishRtc gives the wall time, its high half latched by the low one", () => {
  const { ports, rtc, time } = bench();
  assertEquals(time(), 1_700_000_000_000_000_000n);
  ports.clock.epochNs = 0x1_ffff_ffffn;
  assertEquals(rtc.read(TIME_LOW, 4), 0xffff_ffff);
  ports.clock.now = 1;
  assertEquals(rtc.read(TIME_HIGH, 4), 1);
  assertEquals(time(), 0x2_0000_0000n);
});

Deno.test("GoldfishRtc goes on from the time that was set", () => {
  const { ports, rtc, time } = bench();
  rtc.write(TIME_HIGH, 4, 0x1234);
  rtc.write(TIME_LOW, 4, 0x10);
  assertEquals(time(), 0x1234_0000_0010n);
  ports.clock.now += 500;
  assertEquals(time(), 0x1234_0000_0010n + 500n);
});

Deno.test("GoldfishRtc rings at the alarm's cycle and interrupts when enabled", () => {
  const { ports, rtc, time, setAlarm } = bench();
  ports.clock.now = 40;
  setAlarm(time() + 5000n);
  assertEquals(rtc.read(ALARM_STATUS, 4), 1);
  assertEquals(rtc.deadline(), 5040);
  runTo(rtc, ports.clock, 5040);
  assertEquals(rtc.read(ALARM_STATUS, 4), 0);
  assertEquals(ports.irq.level, false);
  rtc.write(IRQ_ENABLED, 4, 1);
  assertEquals(ports.irq.level, true);
  rtc.write(CLEAR_INTERRUPT, 4, 1);
  assertEquals(ports.irq.level, false);
});

Deno.test("GoldfishRtc keeps an alarm beyond the last cycle, and nobody waits for it", () => {
  const { rtc, setAlarm } = bench();
  setAlarm((1n << 64n) - 1n);
  assertEquals(rtc.read(ALARM_STATUS, 4), 1);
  assertEquals(rtc.deadline(), Infinity);
});

Deno.test("GoldfishRtc rings at once for an alarm in the past, and not at all once cleared", () => {
  const { ports, rtc, time, setAlarm } = bench();
  rtc.write(IRQ_ENABLED, 4, 1);
  setAlarm(time());
  assertEquals(ports.irq.level, true);
  rtc.write(CLEAR_INTERRUPT, 4, 0);
  setAlarm(time() + 10n);
  rtc.write(CLEAR_ALARM, 4, 0);
  runTo(rtc, ports.clock, 1000);
  assertEquals(ports.irq.level, false);
});

Deno.test("GoldfishRtc state round-trips with an alarm armed", () => {
  const { ports, rtc, build, time, setAlarm } = bench();
  rtc.write(TIME_LOW, 4, 77);
  rtc.write(IRQ_ENABLED, 4, 1);
  setAlarm(time() + 900n);
  const other = moved(rtc, build());
  runTo(other, ports.clock, 900);
  assertEquals(ports.irq.level, true);
});

Deno.test("GoldfishRtc survives 100,000 random accesses", () => {
  abuse(0x47, 100_000, () => {
    const { ports, rtc, build } = bench();
    return {
      device: rtc,
      fresh: build,
      offsets: [0, 4, 8, 12, 16, 20, 24, 28, 32],
      other: (device, random) => {
        const now = BigInt(device.read(TIME_LOW, 4)) | BigInt(device.read(TIME_HIGH, 4)) << 32n;
        const alarm = BigInt.asUintN(64, now + BigInt(random.below(100_000)));
        device.write(ALARM_HIGH, 4, Number(alarm >> 32n));
        device.write(ALARM_LOW, 4, Number(alarm & 0xffff_ffffn));
      },
      clock: ports.clock,
      trace: () => ports.irq.level,
    };
  });
});
