/**
 * The board in one table: where each device is, which interrupt it raises, what drivers know it as.
 * `board.ts` builds the devices from it and `device_tree.ts` describes them to the guest.
 * Source: QEMU, hw/riscv/virt.c as of 7.2 (its `dumpdtb` gives the same values).
 */

/** One region of the address space. */
export interface Region {
  /** The node's name in the device tree, without its unit address. */
  readonly node: string;
  readonly base: number;
  readonly sizeBytes: number;
  readonly compatible: readonly string[];
  /** Interrupt source at the PLIC; absent: the device raises none there. */
  readonly irq?: number;
}

/** Every device of the board but virtio, by the id that it has in the log. */
export const REGIONS = {
  finisher: {
    node: "test",
    base: 0x10_0000,
    sizeBytes: 0x1000,
    compatible: ["sifive,test1", "sifive,test0", "syscon"],
  },
  rtc: {
    node: "rtc",
    base: 0x10_1000,
    sizeBytes: 0x1000,
    compatible: ["google,goldfish-rtc"],
    irq: 11,
  },
  clint: {
    node: "clint",
    base: 0x200_0000,
    sizeBytes: 0x1_0000,
    compatible: ["sifive,clint0", "riscv,clint0"],
  },
  plic: {
    node: "plic",
    base: 0xc00_0000,
    sizeBytes: 0x60_0000,
    compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
  },
  uart0: {
    node: "serial",
    base: 0x1000_0000,
    sizeBytes: 0x100,
    compatible: ["ns16550a"],
    irq: 10,
  },
} as const satisfies { readonly [id: string]: Region };

/** How many virtio-mmio transports there are, occupied or not. */
export const VIRTIO_SLOT_COUNT = 8;

/** The virtio-mmio transport number `slot`, from 0. */
export function virtioSlot(slot: number): Region & { readonly irq: number } {
  return {
    node: "virtio_mmio",
    base: 0x1000_1000 + slot * 0x1000,
    sizeBytes: 0x1000,
    compatible: ["virtio,mmio"],
    irq: 1 + slot,
  };
}

/** Where every hart starts; read-only. */
export const RESET_ROM = { base: 0x1000, sizeBytes: 0xf000 } as const;

/** First byte of RAM. */
export const RAM_BASE = 0x8000_0000;

/** Frequency of `mtime`, in Hz. */
export const TIMEBASE_HZ = 10_000_000;
