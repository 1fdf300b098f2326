/**
 * The registers that gdb sees and their numbers.
 * Source: Debugging with GDB, appendix G.5.11 "RISC-V Features"; our numbers are given explicitly.
 */
import { F_NAMES, X_NAMES } from "../../core/isa/registers.ts";
import type { Cursor } from "../../replay/cursor.ts";
import { csrNames } from "../register_names.ts";

/** A register by its number in the protocol. */
export interface GdbRegister {
  /** As gdb calls it. */
  readonly name: string;
  /** As a cursor calls it. */
  readonly cursorName: string;
  readonly bits: 32 | 64;
  readonly feature: string;
  readonly type: string;
}

/** x0 to x31 and pc: what a `g` packet holds. The others are asked for one by one. */
export const G_REGISTERS = 33;

const CPU = "org.gnu.gdb.riscv.cpu";
const FPU = "org.gnu.gdb.riscv.fpu";
const CSR = "org.gnu.gdb.riscv.csr";
/** The position in the recording. */
const POSITION = "org.hindsight.position";
const FLOAT_CSRS = ["fflags", "frm", "fcsr"];

/** The registers in order of their numbers. */
export function gdbRegisters(cursor: Cursor): GdbRegister[] {
  const x = X_NAMES.map((name, i): GdbRegister => ({
    name,
    cursorName: `x${i}`,
    bits: 64,
    feature: CPU,
    type: name === "sp" || name === "gp" || name === "tp" || name === "s0" ? "data_ptr" : "int",
  }));
  const f = F_NAMES.map((name, i): GdbRegister => ({
    name,
    cursorName: `f${i}`,
    bits: 64,
    feature: FPU,
    type: "ieee_double",
  }));
  const csr = (name: string, bits: 32 | 64, feature: string): GdbRegister => ({
    name,
    cursorName: name,
    bits,
    feature,
    type: "int",
  });
  return [
    ...x,
    { name: "pc", cursorName: "pc", bits: 64, feature: CPU, type: "code_ptr" },
    ...f,
    ...FLOAT_CSRS.map((name) => csr(name, 32, FPU)),
    ...csrNames(cursor).filter((name) => !FLOAT_CSRS.includes(name))
      .map((name) => csr(name, 64, CSR)),
    csr("cycle", 64, POSITION),
  ];
}

/** The XML document of the registers. */
export function targetDescription(registers: readonly GdbRegister[]): string {
  // A function that gdb calls in the guest gives back what it found, but no time and no CSRs.
  const isKept = ({ feature }: GdbRegister) => feature === CPU || feature === FPU;
  const features = [...new Set(registers.map(({ feature }) => feature))].map((feature) => {
    const lines = registers.flatMap((register, number) =>
      register.feature === feature
        ? [
          `<reg name="${register.name}" bitsize="${register.bits}" regnum="${number}" type="${register.type}"${
            isKept(register) ? "" : ' save-restore="no"'
          }/>`,
        ]
        : []
    );
    return `<feature name="${feature}">${lines.join("")}</feature>`;
  });
  // Any other osabi makes gdb step by planting breakpoints, which cannot step backward.
  return '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">' +
    `<architecture>riscv:rv64</architecture><osabi>none</osabi>${features.join("")}</target>`;
}

/**
 * The memory map. gdb takes every address outside it for inaccessible, and its addresses are
 * virtual: so only the reset ROM stands out, where gdb must not write breakpoints.
 */
export const MEMORY_MAP = '<?xml version="1.0"?><!DOCTYPE memory-map PUBLIC ' +
  '"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd">' +
  '<memory-map><memory type="ram" start="0x0" length="0x1000"/>' +
  '<memory type="rom" start="0x1000" length="0xf000"/>' +
  '<memory type="ram" start="0x10000" length="0xfffffffffffeffff"/></memory-map>';
