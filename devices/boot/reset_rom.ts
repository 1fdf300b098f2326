/**
 * The first instructions of every hart, and what they tell the firmware. Sources: QEMU 7.2,
 * hw/riscv/boot.c (register contract); OpenSBI, include/sbi/fw_dynamic.h.
 */

/** What the reset ROM hands over. Addresses are guest-physical. */
export interface ResetRomOptions {
  /** First instruction of the firmware. */
  readonly entry: number;
  readonly dtbAddress: number;
  /** First instruction of what the firmware starts next; 0: nothing. */
  readonly nextAddress: number;
}

const FW_DYNAMIC_MAGIC = 0x4942534f; // "OSBI"
const FW_DYNAMIC_VERSION = 2;
const NEXT_MODE_S = 1;

/** Byte offsets in the ROM. */
const ENTRY = 24;
const DTB = 32;
const FW_DYNAMIC_INFO = 40;

/** The ROM's bytes: a0 = mhartid, a1 = device tree, a2 = `fw_dynamic_info`, then on to the firmware. */
export function resetRom(options: ResetRomOptions): Uint8Array {
  const rom = new Uint8Array(FW_DYNAMIC_INFO + 6 * 8);
  const view = new DataView(rom.buffer);
  const code = [
    0x0000_0297, // auipc t0, 0
    addi(12, 5, FW_DYNAMIC_INFO), // a2 = t0 + FW_DYNAMIC_INFO
    0xf140_2573, // csrr a0, mhartid
    ld(11, 5, DTB), // a1
    ld(5, 5, ENTRY), // t0
    0x0002_8067, // jr t0
  ];
  code.forEach((word, index) => view.setUint32(4 * index, word, true));
  const doublewords = [
    options.entry,
    options.dtbAddress,
    FW_DYNAMIC_MAGIC,
    FW_DYNAMIC_VERSION,
    options.nextAddress,
    NEXT_MODE_S,
    0, // options
    0, // boot_hart
  ];
  doublewords.forEach((value, index) => view.setBigUint64(ENTRY + 8 * index, BigInt(value), true));
  return rom;
}

/* I-type, immediate 0 to 2047: imm[11:0] rs1 funct3 rd opcode */
function addi(rd: number, rs1: number, immediate: number): number {
  return (immediate << 20 | rs1 << 15 | 0b000 << 12 | rd << 7 | 0b0010011) >>> 0;
}

function ld(rd: number, rs1: number, immediate: number): number {
  return (immediate << 20 | rs1 << 15 | 0b011 << 12 | rd << 7 | 0b0000011) >>> 0;
}
