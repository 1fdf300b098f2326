/**
 * What the guest is told about the board. Sources: Devicetree Specification v0.4; the kernel's
 * riscv/cpus, riscv/extensions, sifive,plic, sifive,clint and virtio/mmio bindings; QEMU's `virt`.
 */
import { Random, seedFor } from "../core/random.ts";
import { cells64, type FdtNode } from "./fdt.ts";
import {
  RAM_BASE,
  type Region,
  REGIONS,
  TIMEBASE_HZ,
  VIRTIO_SLOT_COUNT,
  virtioSlot,
} from "./memory_map.ts";
import { PLIC_SOURCES } from "./plic.ts";
import { UART_CLOCK_HZ } from "./uart16550.ts";

/** What varies from one machine to the next. */
export interface DeviceTreeOptions {
  readonly harts: number;
  readonly memoryBytes: number;
  /** Source of `rng-seed`, so that the guest's early randomness is the machine's, not the host's. */
  readonly seed: number;
  /** The kernel's command line. */
  readonly bootargs?: string;
  /** Where the initial ramdisk lies; `end` is the address after its last byte. */
  readonly initrd?: { readonly start: number; readonly end: number };
}

/** In the order that the unprivileged specification gives to a name (ISA naming conventions). */
export const ISA_EXTENSIONS = [
  "i",
  "m",
  "a",
  "f",
  "d",
  "c",
  "zicntr",
  "zicsr",
  "zifencei",
  "zba",
  "zbb",
  "zbs",
  "sstc",
] as const;

const PHANDLE_PLIC = 1;
const PHANDLE_FINISHER = 2;
const phandleCpu = (hart: number) => 3 + 2 * hart;
const phandleCpuIntc = (hart: number) => 4 + 2 * hart;

/** Interrupt numbers at a hart's own controller. Source: privileged specification, mcause. */
const IRQ_M_SOFT = 3;
const IRQ_M_TIMER = 7;
const IRQ_S_EXTERNAL = 9;
const IRQ_M_EXTERNAL = 11;

/** The tree of a machine. Nodes come in ascending address order: Linux names disks in tree order. */
export function deviceTree(options: DeviceTreeOptions): FdtNode {
  const harts = Array.from({ length: options.harts }, (_, hart) => hart);
  const poweroff = { regmap: [PHANDLE_FINISHER], offset: [0] };
  return {
    name: "",
    properties: {
      "#address-cells": [2],
      "#size-cells": [2],
      compatible: "riscv-virtio",
      model: "riscv-virtio,hindsight",
    },
    children: [
      chosen(options),
      {
        name: `memory@${RAM_BASE.toString(16)}`,
        properties: {
          device_type: "memory",
          reg: [...cells64(RAM_BASE), ...cells64(options.memoryBytes)],
        },
      },
      {
        name: "cpus",
        properties: {
          "#address-cells": [1],
          "#size-cells": [0],
          "timebase-frequency": [TIMEBASE_HZ],
        },
        children: [...harts.map(cpu), cpuMap(harts)],
      },
      // The finisher's codes for poweroff and reboot. Source: SiFive test device, as in QEMU.
      {
        name: "poweroff",
        properties: { compatible: "syscon-poweroff", ...poweroff, value: [0x5555] },
      },
      { name: "reboot", properties: { compatible: "syscon-reboot", ...poweroff, value: [0x7777] } },
      {
        name: "soc",
        properties: {
          "#address-cells": [2],
          "#size-cells": [2],
          compatible: "simple-bus",
          ranges: true,
        },
        children: socNodes(harts),
      },
    ],
  };
}

function chosen(options: DeviceTreeOptions): FdtNode {
  const { bootargs, initrd } = options;
  return {
    name: "chosen",
    properties: {
      ...(bootargs === undefined ? {} : { bootargs }),
      "stdout-path": `/soc/${unitName(REGIONS.uart0)}`,
      ...(initrd === undefined ? {} : {
        "linux,initrd-start": cells64(initrd.start),
        "linux,initrd-end": cells64(initrd.end),
      }),
      "rng-seed": new Random(seedFor(options.seed, "rng-seed")).bytes(32),
    },
  };
}

function cpu(hart: number): FdtNode {
  const single = ISA_EXTENSIONS.filter((extension) => extension.length === 1).join("");
  const multi = ISA_EXTENSIONS.filter((extension) => extension.length > 1).join("_");
  return {
    name: `cpu@${hart.toString(16)}`,
    properties: {
      device_type: "cpu",
      reg: [hart],
      status: "okay",
      compatible: "riscv",
      "riscv,isa": `rv64${single}_${multi}`,
      "riscv,isa-base": "rv64i",
      "riscv,isa-extensions": ISA_EXTENSIONS,
      "mmu-type": "riscv,sv57",
      phandle: [phandleCpu(hart)],
    },
    children: [{
      name: "interrupt-controller",
      properties: {
        "#interrupt-cells": [1],
        "interrupt-controller": true,
        compatible: "riscv,cpu-intc",
        phandle: [phandleCpuIntc(hart)],
      },
    }],
  };
}

function cpuMap(harts: readonly number[]): FdtNode {
  return {
    name: "cpu-map",
    properties: {},
    children: [{
      name: "cluster0",
      properties: {},
      children: harts.map((hart) => ({
        name: `core${hart}`,
        properties: { cpu: [phandleCpu(hart)] },
      })),
    }],
  };
}

function socNodes(harts: readonly number[]): FdtNode[] {
  const lines = (first: number, second: number) =>
    harts.flatMap((hart) => [phandleCpuIntc(hart), first, phandleCpuIntc(hart), second]);
  return [
    node(REGIONS.finisher, { phandle: [PHANDLE_FINISHER] }),
    node(REGIONS.rtc),
    node(REGIONS.clint, { "interrupts-extended": lines(IRQ_M_SOFT, IRQ_M_TIMER) }),
    node(REGIONS.plic, {
      phandle: [PHANDLE_PLIC],
      "#address-cells": [0],
      "#interrupt-cells": [1],
      "interrupt-controller": true,
      "interrupts-extended": lines(IRQ_M_EXTERNAL, IRQ_S_EXTERNAL),
      "riscv,ndev": [PLIC_SOURCES],
    }),
    node(REGIONS.uart0, { "clock-frequency": [UART_CLOCK_HZ] }),
    ...Array.from({ length: VIRTIO_SLOT_COUNT }, (_, slot) => node(virtioSlot(slot))),
  ];
}

function node(region: Region, properties: FdtNode["properties"] = {}): FdtNode {
  return {
    name: unitName(region),
    properties: {
      compatible: region.compatible,
      reg: [...cells64(region.base), ...cells64(region.sizeBytes)],
      ...(region.irq === undefined ? {} : {
        interrupts: [region.irq],
        "interrupt-parent": [PHANDLE_PLIC],
      }),
      ...properties,
    },
  };
}

function unitName(region: Region): string {
  return `${region.node}@${region.base.toString(16)}`;
}
