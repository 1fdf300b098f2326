/** Where the boot files lie, the refusals, and OpenSBI under QEMU starting from our ROM and device tree. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ImageError } from "../../../devices/boot/image.ts";
import { layOut } from "../../../devices/boot/layout.ts";
import { cells, nodesByPath, readFdt } from "../fdt_reader.ts";
import { hasPeer } from "../../peer.ts";
import { CODE, makeElf, makeLinuxImage } from "./images.ts";

const OPTIONS = { harts: 1, memoryBytes: 256 << 20, seed: 1, bootargs: "quiet" };
const BIOS = { name: "fw.bin", bytes: new Uint8Array(0x4_0000).fill(1) };
/** The placement that Debian's kernel has: text_offset 2 MiB, image_size up to 0x8206b000. */
const KERNEL = {
  name: "vmlinux",
  bytes: makeLinuxImage({ textOffset: 0x20_0000, imageSize: 0x1e6_b000, code: CODE }),
};
const INITRD = { name: "initrd", bytes: new Uint8Array(0x123_4567).fill(2) };

function dtbOf(layout: ReturnType<typeof layOut>) {
  const { address, bytes } = layout.images.at(-1)!;
  return { address, nodes: nodesByPath(readFdt(bytes)) };
}

Deno.test("layOut places firmware, kernel, initrd and device tree clear of each other", () => {
  const layout = layOut({ bios: BIOS, kernel: KERNEL, initrds: [INITRD] }, OPTIONS);
  const [bios, kernel, initrd, dtb] = layout.images;
  assertEquals(bios.address, 0x8000_0000);
  assertEquals(kernel.address, 0x8020_0000);
  assert(initrd.address > 0x8221_0000, initrd.address.toString(16));
  assert(initrd.address + INITRD.bytes.length <= dtb.address);
  assert(dtb.address + dtb.bytes.length + 0x1_0000 <= 0x9000_0000);
  assertEquals(dtb.address % 8, 0); // Devicetree Specification v0.4, 5.7: 8-byte alignment
  const chosen = dtbOf(layout).nodes.get("/chosen")!;
  assertEquals(cells(chosen, "linux,initrd-start"), [0, initrd.address]);
  assertEquals(cells(chosen, "linux,initrd-end"), [0, initrd.address + INITRD.bytes.length]);
});

Deno.test("layOut gives the reset ROM the firmware, the device tree and the kernel", () => {
  const layout = layOut({ bios: BIOS, kernel: KERNEL }, OPTIONS);
  const view = new DataView(layout.rom.buffer);
  const words = Array.from(
    { length: 8 },
    (_, index) => Number(view.getBigUint64(24 + 8 * index, true)),
  );
  assertEquals(words, [
    0x8000_0000,
    dtbOf(layout).address,
    0x4942_534f,
    2,
    0x8020_0000,
    1,
    0,
    0,
  ]);
});

Deno.test("layOut concatenates initrds at multiples of 4 bytes", () => {
  const initrds = [
    { name: "a", bytes: Uint8Array.of(1, 2, 3, 4, 5) },
    { name: "b", bytes: Uint8Array.of(6) },
  ];
  const layout = layOut({ bios: BIOS, kernel: KERNEL, initrds }, OPTIONS);
  assertEquals([...layout.images[2].bytes], [1, 2, 3, 4, 5, 0, 0, 0, 6]);
});

Deno.test("layOut keeps device tree and initrd below 4 GiB on a large machine", () => {
  const layout = layOut({ bios: BIOS, kernel: KERNEL, initrds: [INITRD] }, {
    ...OPTIONS,
    memoryBytes: 6 * 2 ** 30,
  });
  for (const { address, bytes } of layout.images) assert(address + bytes.length <= 2 ** 32);
});

Deno.test("layOut boots an ELF alone in a small machine", () => {
  const elf = makeElf([{ address: 0x8000_0000, bytes: CODE, sizeBytes: 0x8000 }]);
  const layout = layOut({ bios: { name: "pocket.elf", bytes: elf } }, {
    ...OPTIONS,
    memoryBytes: 1 << 20,
  });
  assertEquals(layout.images.map(({ address }) => address), [
    0x8000_0000,
    dtbOf(layout).address,
  ]);
});

Deno.test("layOut refuses what has no place, in one line", () => {
  const elf = (address: number, sizeBytes = 8) => ({
    name: "k.elf",
    bytes: makeElf([{ address, bytes: CODE, sizeBytes }]),
  });
  const small = { ...OPTIONS, memoryBytes: 40 << 20 };
  const cases: [() => unknown, RegExp][] = [
    [() => layOut({}, OPTIONS), /nothing to boot/],
    [
      () => layOut({ bios: BIOS, kernel: elf(0x8000_1000) }, OPTIONS),
      /k\.elf: 0x80001000 to 0x80001007 overlaps fw\.bin at 0x80000000 to 0x8003ffff/,
    ],
    [() => layOut({ bios: elf(0x1000) }, OPTIONS), /0x1000 to 0x1007 is outside RAM/],
    [
      () => layOut({ bios: BIOS, kernel: KERNEL }, { ...OPTIONS, memoryBytes: 16 << 20 }),
      /vmlinux: .* is outside RAM \(16 MiB from 0x80000000\); give the machine more memory/,
    ],
    [
      () => layOut({ bios: BIOS, kernel: KERNEL, initrds: [INITRD] }, small),
      /initrd: .*give the machine more memory/,
    ],
    [
      () =>
        layOut(
          { bios: BIOS, kernel: KERNEL, initrds: [{ name: "e", bytes: new Uint8Array() }] },
          OPTIONS,
        ),
      /e: the file is empty/,
    ],
    [
      () => layOut({ bios: { name: "empty", bytes: new Uint8Array() } }, OPTIONS),
      /empty: the file is empty/,
    ],
  ];
  for (const [run, pattern] of cases) {
    const { message } = assertThrows(run, ImageError);
    assert(pattern.test(message) && !message.includes("\n"), message);
  }
});

Deno.test("layOut gives OpenSBI under QEMU what it needs to start a kernel", async () => {
  if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
  const firmware = "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin";
  // sw 0x5555, 0(0x100000): the kernel turns the machine off, which ends QEMU with status 0.
  const poweroff = new Uint8Array(
    Uint32Array.of(0x0010_02b7, 0x0000_5337, 0x5553_0313, 0x0062_a023, 0x0000_006f).buffer,
  );
  const kernel = {
    name: "vmlinux",
    bytes: makeLinuxImage({ textOffset: 0x20_0000, imageSize: 0x1000, code: poweroff }),
  };
  const layout = layOut(
    { bios: { name: firmware, bytes: await Deno.readFile(firmware) }, kernel },
    {
      ...OPTIONS,
      harts: 2,
    },
  );

  // QEMU's own ROM is in the way at 0x1000; ours is position-independent, so every hart starts at a copy.
  const folder = await Deno.makeTempDir();
  const pieces = [...layout.images, { address: 0x8e00_0000, bytes: layout.rom }];
  const loaders = pieces.flatMap(({ address, bytes }, index) => {
    Deno.writeFileSync(`${folder}/${index}`, bytes);
    return ["-device", `loader,file=${folder}/${index},addr=${address},force-raw=on`];
  });
  const starts = [0, 1].flatMap((hart) => ["-device", `loader,addr=0x8e000000,cpu-num=${hart}`]);
  const child = new Deno.Command("timeout", {
    args: ["20", "qemu-system-riscv64", "-M", "virt", "-m", "256M", "-smp", "2", "-bios", "none"]
      .concat(["-nographic", ...loaders, ...starts]),
    stdin: "null",
  });
  const { code, stdout, stderr } = await child.output();
  await Deno.remove(folder, { recursive: true });
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text + new TextDecoder().decode(stderr));
  for (
    const line of [
      /Platform Name +: riscv-virtio,hindsight/,
      /Platform HART Count +: 2/,
      /Platform Timer Device +: aclint-mtimer @ 10000000Hz/,
      /Platform Console Device +: uart8250/,
      /Platform Reboot Device +: sifive_test/,
      /Platform Shutdown Device +: sifive_test/,
      /Domain0 Next Address +: 0x0000000080200000/,
      new RegExp(`Domain0 Next Arg1 +: 0x0*${dtbOf(layout).address.toString(16)}`),
      /Domain0 Next Mode +: S-mode/,
    ]
  ) assert(line.test(text), `${line}\n${text}`);
});
