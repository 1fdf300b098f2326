/** The device tree writer, judged by `dtc` and by the tree that QEMU gives the same board. */
import { assert, assertEquals } from "@std/assert";
import { deviceTree } from "../../devices/device_tree.ts";
import { flattenDeviceTree } from "../../devices/fdt.ts";
import { hasPeer, runPeer } from "../peer.ts";
import { cells, nodesByPath, readFdt, type ReadNode, texts } from "./fdt_reader.ts";

const OPTIONS = { harts: 4, memoryBytes: 256 << 20, seed: 1 };

function ours(options: Parameters<typeof deviceTree>[0] = OPTIONS): Map<string, ReadNode> {
  return nodesByPath(readFdt(flattenDeviceTree(deviceTree(options))));
}

Deno.test("flattenDeviceTree writes every kind of property as its bytes", () => {
  const root = readFdt(flattenDeviceTree({
    name: "",
    properties: {
      empty: true,
      text: "é€😀",
      list: ["a", "bc"],
      cells: [1, 0xffff_ffff],
      raw: Uint8Array.of(1, 2, 3),
    },
    children: [{ name: "child@1", properties: { text: "again" } }],
  }));
  assertEquals(root.properties.get("empty"), new Uint8Array());
  assertEquals(texts(root, "text"), ["é€😀"]);
  assertEquals(texts(root, "list"), ["a", "bc"]);
  assertEquals(cells(root, "cells"), [1, 0xffff_ffff]);
  assertEquals(root.properties.get("raw"), Uint8Array.of(1, 2, 3));
  assertEquals(root.children.map((node) => [node.name, texts(node, "text")]), [
    ["child@1", ["again"]],
  ]);
});

Deno.test("deviceTree says what QEMU says about every device that both have", async () => {
  if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
  const file = await Deno.makeTempFile({ suffix: ".dtb" });
  await runPeer("qemu-system-riscv64", [
    "-M",
    `virt,dumpdtb=${file}`,
    "-smp",
    "4",
    "-m",
    "256M",
    "-nographic",
  ]);
  const theirs = nodesByPath(readFdt(await Deno.readFile(file)));
  await Deno.remove(file);
  const own = ours();

  // Phandles are numbered freely, so a reference is compared as the path that it leads to.
  const target = (nodes: Map<string, ReadNode>, phandle: number) =>
    [...nodes].find(([, node]) =>
      node.properties.has("phandle") && cells(node, "phandle")[0] === phandle
    )
      ?.[0];
  const plain = [
    "#address-cells",
    "#size-cells",
    "#interrupt-cells",
    "clock-frequency",
    "compatible",
    "device_type",
    "interrupt-controller",
    "interrupts",
    "offset",
    "ranges",
    "reg",
    "status",
    "stdout-path",
    "timebase-frequency",
    "value",
  ];
  let compared = 0;
  for (const [path, node] of own) {
    const peer = theirs.get(path);
    assert(peer !== undefined, `QEMU has no ${path}`);
    for (const property of plain) {
      if (property === "compatible" && path === "") continue;
      assertEquals(
        node.properties.get(property),
        peer.properties.get(property),
        `${path} ${property}`,
      );
      compared++;
    }
    for (const property of ["interrupt-parent", "regmap", "cpu"]) {
      if (!node.properties.has(property) && !peer.properties.has(property)) continue;
      assertEquals(
        target(own, cells(node, property)[0]),
        target(theirs, cells(peer, property)[0]),
        `${path} ${property}`,
      );
      compared++;
    }
    if (node.properties.has("interrupts-extended")) {
      const wires = (nodes: Map<string, ReadNode>, of: ReadNode) =>
        cells(of, "interrupts-extended").map((cell, index) =>
          index % 2 === 0 ? target(nodes, cell) : cell
        );
      assertEquals(wires(own, node), wires(theirs, peer), `${path} interrupts-extended`);
      compared++;
    }
  }
  assert(compared > 300, `${compared} properties compared`);

  // What QEMU has and we do not: nothing but these.
  const absent = [...theirs.keys()].filter((path) => !own.has(path)).map((path) =>
    path.replace(/@.*/, "")
  ).sort();
  assertEquals(absent, ["/flash", "/fw-cfg", "/platform-bus", "/pmu", "/soc/pci"]);
});

Deno.test("deviceTree is accepted by dtc", async () => {
  if (!await hasPeer("dtc", "device-tree-compiler")) return;
  const file = await Deno.makeTempFile({ suffix: ".dtb" });
  await Deno.writeFile(
    file,
    flattenDeviceTree(deviceTree({
      ...OPTIONS,
      bootargs: "panic=-1",
      initrd: { start: 0x8800_0000, end: 0x8800_1000 },
    })),
  );
  const { stdout, stderr } = await runPeer("dtc", ["-I", "dtb", "-O", "dts", file]);
  await Deno.remove(file);
  assertEquals(stderr.replaceAll(/.*Warning \((interrupt_provider)[^\n]*\n/g, ""), "");
  assert(stdout.includes('bootargs = "panic=-1"'), stdout);
  assert(stdout.includes("linux,initrd-end = <0x00 0x88001000>"), stdout);
});

Deno.test("deviceTree lists the virtio slots in ascending order", () => {
  const slots = [...ours().keys()].filter((path) => path.startsWith("/soc/virtio_mmio@"));
  assertEquals(slots.length, 8);
  assertEquals(slots, slots.toSorted());
});

Deno.test("deviceTree names the extensions in both bindings", () => {
  const cpu = ours().get("/cpus/cpu@3")!;
  const isa = texts(cpu, "riscv,isa")[0];
  assertEquals(isa, "rv64imafdc_zicntr_zicsr_zifencei_zba_zbb_zbs_sstc");
  assertEquals(texts(cpu, "riscv,isa-base"), ["rv64i"]);
  assertEquals(
    texts(cpu, "riscv,isa-extensions").join(" "),
    "i m a f d c zicntr zicsr zifencei zba zbb zbs sstc",
  );
  assertEquals(texts(cpu, "mmu-type"), ["riscv,sv57"]);
});

Deno.test("deviceTree takes rng-seed from the machine's seed alone", () => {
  const seedOf = (seed: number) =>
    ours({ ...OPTIONS, seed }).get("/chosen")!.properties.get("rng-seed")!;
  assertEquals(seedOf(1).length, 32);
  assertEquals(seedOf(1), seedOf(1));
  assert(seedOf(1).join() !== seedOf(2).join());
});

Deno.test("deviceTree describes memory above 4 GiB", () => {
  const memory = ours({ ...OPTIONS, memoryBytes: 5 * 2 ** 30 }).get("/memory@80000000")!;
  assertEquals(cells(memory, "reg"), [0, 0x8000_0000, 1, 0x4000_0000]);
});
