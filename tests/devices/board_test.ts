/** The board as a bus would see it: no overlaps, the table's sizes, and interrupts that arrive. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { BoardPorts, Device, HartLine } from "../../core/device.ts";
import type { Output } from "../../core/host.ts";
import { buildBoard, DISK_COUNT_MAX } from "../../devices/board.ts";
import { REGIONS, RESET_ROM, virtioSlot } from "../../devices/memory_map.ts";

const CONFIG = { harts: 2, seed: 1, diskTiming: "model" as const, disks: [{ sizeBytes: 1 << 20 }] };

function build(config: Parameters<typeof buildBoard>[0] = CONFIG) {
  const levels = new Map<string, boolean>();
  const outputs: [string, Output][] = [];
  const ports: BoardPorts = {
    memory: { view: () => undefined, write: () => false },
    clock: {
      cycle: () => 0,
      mtime: () => 0n,
      setMtime: () => {},
      cycleOfMtime: () => Infinity,
      wallTimeNs: () => 0n,
    },
    hartIrq: (hart, line: HartLine) => ({ set: (level) => levels.set(`${hart} ${line}`, level) }),
    output: (device, output) => outputs.push([device, output]),
  };
  return { attachments: buildBoard(config)(ports), levels, outputs };
}

Deno.test("buildBoard attaches devices that neither overlap nor share an id", () => {
  const extents = build().attachments.map(({ base, device }) => ({
    base,
    end: base + device.sizeBytes,
    id: device.id,
  })).concat({
    base: RESET_ROM.base,
    end: RESET_ROM.base + RESET_ROM.sizeBytes,
    id: "rom",
  }).toSorted((a, b) => a.base - b.base);
  for (let i = 1; i < extents.length; i++) {
    assert(extents[i - 1].end <= extents[i].base, `${extents[i - 1].id} and ${extents[i].id}`);
  }
  assertEquals(new Set(extents.map(({ id }) => id)).size, extents.length);
});

Deno.test("buildBoard gives every device the size that the guest is told", () => {
  const { attachments } = build();
  for (const [id, region] of Object.entries(REGIONS)) {
    const attachment = attachments.find(({ device }) => device.id === id);
    assertEquals([attachment?.base, attachment?.device.sizeBytes], [region.base, region.sizeBytes]);
  }
  for (let slot = 0; slot < 8; slot++) {
    const { base, sizeBytes } = virtioSlot(slot);
    const attachment = attachments.find((attachment) => attachment.base === base);
    assertEquals(attachment?.device.sizeBytes, sizeBytes);
  }
});

Deno.test("buildBoard fills the virtio slots from 0: disks, rng, console, then none", () => {
  const { attachments } = build({ ...CONFIG, disks: [{ sizeBytes: 512 }, { sizeBytes: 1024 }] });
  const slots = attachments.filter(({ base }) => base >= 0x1000_1000 && base < 0x1000_9000);
  assertEquals(slots.map(({ device }) => device.id), [
    "disk0",
    "disk1",
    "rng0",
    "console0",
    "virtio4",
    "virtio5",
    "virtio6",
    "virtio7",
  ]);
  // MagicValue and DeviceID. Source: VIRTIO 1.2, 4.2.2 and 5.
  for (const { device } of slots) assertEquals(device.read(0, 4), 0x7472_6976);
  assertEquals(slots.map(({ device }) => device.read(8, 4)), [2, 2, 4, 3, 0, 0, 0, 0]);
});

Deno.test("buildBoard wires the UART through source 10 of the PLIC to the harts", () => {
  const { attachments, levels } = build();
  const at = (id: string) => attachments.find(({ device }) => device.id === id)!.device;
  const plic = at("plic");
  plic.write(4 * 10, 4, 1); // priority of source 10
  plic.write(0x2000 + 0x80 * 3, 4, 1 << 10); // enable it for context 3: hart 1, S mode
  at("uart0").write(1, 1, 2); // IER: transmitter holding register empty
  assertEquals(levels.get("1 SEIP"), true);
  assert(!levels.get("0 SEIP") && !levels.get("1 MEIP"), JSON.stringify([...levels]));
  assertEquals(plic.read(0x20_0004 + 0x1000 * 3, 4), 10); // claim
});

Deno.test("buildBoard passes outputs on under the device's id", () => {
  const { attachments, outputs } = build();
  const at = (id: string) => attachments.find(({ device }) => device.id === id)!.device;
  at("uart0").write(0, 1, 65);
  at("finisher").write(0, 4, 0x5555);
  assertEquals(outputs, [
    ["uart0", { kind: "console", bytes: Uint8Array.of(65) }],
    ["finisher", { kind: "power", action: "poweroff", code: 0 }],
  ]);
});

Deno.test("buildBoard refuses more disks than slots", () => {
  const disks = Array.from({ length: DISK_COUNT_MAX + 1 }, () => ({ sizeBytes: 512 }));
  assertThrows(
    () => buildBoard({ ...CONFIG, disks }),
    RangeError,
    "7 disks and 0 network cards do not fit",
  );
});

Deno.test("buildBoard puts network cards between disks and rng, each with an address of its own", () => {
  const slotsOf = (seed: number) =>
    build({ ...CONFIG, seed, nics: [{}, { mac: "52:54:00:12:34:56" }, {}] }).attachments
      .filter(({ base }) => base >= 0x1000_1000 && base < 0x1000_9000).map(({ device }) => device);
  const slots = slotsOf(1);
  assertEquals(slots.map(({ id }) => id).slice(0, 6), [
    "disk0",
    "net0",
    "net1",
    "net2",
    "rng0",
    "console0",
  ]);
  assertEquals(slots[1].read(8, 4), 1);
  const mac = (device: Device) => Array.from({ length: 6 }, (_, i) => device.read(0x100 + i, 1));
  assertEquals(mac(slots[2]), [0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
  const own = [slots[1], slots[3], slotsOf(2)[1]].map(mac);
  assertEquals(new Set(own.map(String)).size, 3);
  assert(own.every(([first]) => (first & 3) === 2), "an address is not local, or of a group");
  assertEquals(mac(slotsOf(1)[1]), own[0]);
});

Deno.test("buildBoard refuses an address that is no card's", () => {
  for (const mac of ["", "52:54:00:12:34", "00:00:00:00:00:00", "01:00:5e:00:00:01", "5254:0012"]) {
    const nics = [{ mac }];
    assertThrows(() => buildBoard({ ...CONFIG, nics }), RangeError, "no address of a card");
  }
});
