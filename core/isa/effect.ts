/**
 * The vocabulary in which instructions say what they do.
 *
 * A {@link Value} is a 64-bit expression, an {@link Effect} changes something. All values are read
 * before any effect of the same instruction takes place. The interpreter, the JIT and the access
 * lists are all derived from these trees; nothing else describes an instruction.
 */

/** Register fields of an encoding. */
export type Field = "rd" | "rs1" | "rs2" | "rs3";

/** Bytes of a memory access. */
export type Size = 1 | 2 | 4 | 8;

export type Binary =
  | "add"
  | "sub"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shrU"
  | "shrS"
  | "rotl"
  | "rotr" // counts modulo 64
  | "mul"
  | "mulhS"
  | "mulhU"
  | "mulhSU"
  | "divS"
  | "divU"
  | "remS"
  | "remU" // never trap: x / 0 = -1, x % 0 = x (unprivileged spec, M)
  | "eq"
  | "ne"
  | "ltS"
  | "ltU"
  | "geS"
  | "geU"; // 0 or 1

export type Unary =
  | "clz"
  | "ctz"
  | "popcnt"
  | "sext8"
  | "sext16"
  | "sext32"
  | "zext8"
  | "zext16"
  | "zext32"
  | "orcB"
  | "rev8";

export const AMO_KINDS = [
  "swap",
  "add",
  "xor",
  "and",
  "or",
  "minS",
  "maxS",
  "minU",
  "maxU",
] as const;
export type AmoKind = typeof AMO_KINDS[number];

/** Floating-point formats: binary32 and binary64. */
export type Format = "s" | "d";

/**
 * Floating-point operations, by format. Operands and results are bit patterns: binary32 in the low
 * half with the upper half zero (unboxed), integers as XLEN values (32-bit ones sign-extended).
 * The format is that of the operands, for `from*` that of the result. An operation that rounds
 * takes its mode from the instruction's `rm` field. All may raise flags in `fcsr` except `class`.
 */
export type FloatName =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "sqrt"
  | "fma" // rounded; fma is a * b + c
  | "min"
  | "max"
  | "eq"
  | "lt"
  | "le"
  | "class" // exact
  | "toW"
  | "toWu"
  | "toL"
  | "toLu" // to integer, rounded
  | "fromW"
  | "fromWu"
  | "fromL"
  | "fromLu" // from integer, rounded
  | "toOther"; // to the other format, rounded

export type Value =
  | { readonly op: "x"; readonly field: Field } // integer register
  | { readonly op: "f"; readonly field: Field } // floating-point register, all 64 bits
  | { readonly op: "imm" } // the immediate, sign-extended or not as its encoding says
  | { readonly op: "zimm" } // the 5 bits of the rs1 field
  | { readonly op: "pc" } // the instruction's own address
  | { readonly op: "next" } // the address of the instruction after it
  | { readonly op: "const"; readonly value: bigint }
  | { readonly op: Binary; readonly a: Value; readonly b: Value }
  | { readonly op: Unary; readonly a: Value }
  | { readonly op: "select"; readonly condition: Value; readonly a: Value; readonly b: Value }
  | { readonly op: "load"; readonly size: Size; readonly signed: boolean; readonly address: Value }
  | { readonly op: "lr"; readonly size: 4 | 8; readonly address: Value }
  | { readonly op: "sc"; readonly size: 4 | 8; readonly address: Value; readonly value: Value } // 0: stored
  | {
    readonly op: "amo";
    readonly kind: AmoKind;
    readonly size: 4 | 8;
    readonly address: Value;
    readonly value: Value;
  } // the old value, sign-extended
  | {
    readonly op: "csr"; // the old value; the CSR's number is the immediate
    readonly kind: "write" | "set" | "clear";
    readonly operand: Value;
  }
  | {
    readonly op: "float";
    readonly name: FloatName;
    readonly format: Format;
    readonly operands: readonly Value[];
  };

export type SystemName =
  | "ecall"
  | "ebreak"
  | "mret"
  | "sret"
  | "wfi"
  | "fence"
  | "fence.i"
  | "sfence.vma";

export type Effect =
  | { readonly op: "setX"; readonly value: Value } // x[rd] = value
  | { readonly op: "setF"; readonly value: Value } // f[rd] = value, all 64 bits
  | { readonly op: "store"; readonly size: Size; readonly address: Value; readonly value: Value }
  | { readonly op: "jump"; readonly target: Value }
  | { readonly op: "branch"; readonly condition: Value; readonly target: Value }
  | {
    readonly op: "system";
    readonly name: SystemName;
    readonly operands: readonly Value[]; // what it reads besides CSRs: sfence.vma's address and ASID
  };

export const rs1: Value = { op: "x", field: "rs1" };
export const rs2: Value = { op: "x", field: "rs2" };
export const imm: Value = { op: "imm" };
export const zimm: Value = { op: "zimm" };
export const pc: Value = { op: "pc" };
export const next: Value = { op: "next" };

export const constant = (value: bigint | number): Value => ({ op: "const", value: BigInt(value) });
export const binary = (op: Binary) => (a: Value, b: Value): Value => ({ op, a, b });
export const unary = (op: Unary) => (a: Value): Value => ({ op, a });
export const select = (condition: Value, a: Value, b: Value): Value => ({
  op: "select",
  condition,
  a,
  b,
});

export const [add, sub, and, or, xor] = (["add", "sub", "and", "or", "xor"] as const).map(binary);
export const [shl, shrU, shrS, rotl, rotr] = (["shl", "shrU", "shrS", "rotl", "rotr"] as const)
  .map(binary);
export const [mul, mulhS, mulhU, mulhSU] = (["mul", "mulhS", "mulhU", "mulhSU"] as const)
  .map(binary);
export const [divS, divU, remS, remU] = (["divS", "divU", "remS", "remU"] as const).map(binary);
export const [eq, ne, ltS, ltU, geS, geU] = (["eq", "ne", "ltS", "ltU", "geS", "geU"] as const)
  .map(binary);
export const [clz, ctz, popcnt, orcB, rev8] = (["clz", "ctz", "popcnt", "orcB", "rev8"] as const)
  .map(unary);
export const [sext8, sext16, sext32] = (["sext8", "sext16", "sext32"] as const).map(unary);
export const [zext8, zext16, zext32] = (["zext8", "zext16", "zext32"] as const).map(unary);
export const not = (a: Value): Value => xor(a, constant(-1));

export const load = (size: Size, signed: boolean, address: Value): Value => ({
  op: "load",
  size,
  signed,
  address,
});
export const store = (size: Size, address: Value, value: Value): Effect => ({
  op: "store",
  size,
  address,
  value,
});
export const setX = (value: Value): Effect => ({ op: "setX", value });
export const setF = (value: Value): Effect => ({ op: "setF", value });
export const jump = (target: Value): Effect => ({ op: "jump", target });
export const branch = (condition: Value, target: Value): Effect => ({
  op: "branch",
  condition,
  target,
});
export const system = (name: SystemName, ...operands: Value[]): Effect => ({
  op: "system",
  name,
  operands,
});
export const lr = (size: 4 | 8, address: Value): Value => ({ op: "lr", size, address });
export const sc = (size: 4 | 8, address: Value, value: Value): Value => ({
  op: "sc",
  size,
  address,
  value,
});
export const amo = (kind: AmoKind, size: 4 | 8, address: Value, value: Value): Value => ({
  op: "amo",
  kind,
  size,
  address,
  value,
});
export const csr = (kind: "write" | "set" | "clear", operand: Value): Value => ({
  op: "csr",
  kind,
  operand,
});

/** All 64 bits of a floating-point register. */
export const f = (field: Field): Value => ({ op: "f", field });

/** The binary32 in a register; one that is not NaN-boxed reads as the canonical NaN (unprivileged spec, D, NaN Boxing). */
export const unboxed = (field: Field): Value =>
  select(eq(shrS(f(field), constant(32)), constant(-1)), zext32(f(field)), constant(0x7fc00000));

/** A binary32 boxed for its register. */
export const boxed = (value: Value): Value => or(value, constant(0xffffffff00000000n));

export const float = (name: FloatName, format: Format, ...operands: Value[]): Value => ({
  op: "float",
  name,
  format,
  operands,
});
