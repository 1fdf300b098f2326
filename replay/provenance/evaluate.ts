/** What an instruction's expression is worth, as far as that can be told without executing it. */
import type { Decoded } from "../../core/isa/decode.ts";
import type { Binary, Unary, Value } from "../../core/isa/effect.ts";

/** An instruction about to be executed, and the registers that it is going to read. */
export interface Moment {
  readonly decoded: Decoded;
  readonly pc: bigint;
  /** Unsigned. */
  x(number: number): bigint;
  f(number: number): bigint;
}

const mask = (value: bigint) => BigInt.asUintN(64, value);
const signed = (value: bigint) => BigInt.asIntN(64, value);
const truth = (value: boolean) => value ? 1n : 0n;

const BINARIES: { readonly [op in Binary]?: (a: bigint, b: bigint) => bigint } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << (b & 63n),
  shrU: (a, b) => a >> (b & 63n),
  shrS: (a, b) => signed(a) >> (b & 63n),
  mul: (a, b) => a * b,
  eq: (a, b) => truth(a === b),
  ne: (a, b) => truth(a !== b),
  ltS: (a, b) => truth(signed(a) < signed(b)),
  ltU: (a, b) => truth(a < b),
  geS: (a, b) => truth(signed(a) >= signed(b)),
  geU: (a, b) => truth(a >= b),
};

const UNARIES: { readonly [op in Unary]?: (a: bigint) => bigint } = {
  sext8: (a) => BigInt.asIntN(8, a),
  sext16: (a) => BigInt.asIntN(16, a),
  sext32: (a) => BigInt.asIntN(32, a),
  zext8: (a) => BigInt.asUintN(8, a),
  zext16: (a) => BigInt.asUintN(16, a),
  zext32: (a) => BigInt.asUintN(32, a),
};

/** Unsigned 64 bits; `undefined` if it depends on memory, a CSR or an operation that is not followed. */
export function evaluate(value: Value, at: Moment): bigint | undefined {
  switch (value.op) {
    case "x":
      return at.x(at.decoded[value.field]);
    case "f":
      return at.f(at.decoded[value.field]);
    case "imm":
      return mask(BigInt(at.decoded.imm));
    case "zimm":
      return BigInt(at.decoded.rs1);
    case "pc":
      return at.pc;
    case "next":
      return mask(at.pc + BigInt(at.decoded.length));
    case "const":
      return mask(value.value);
    case "select": {
      const condition = evaluate(value.condition, at);
      return condition === undefined
        ? undefined
        : evaluate(condition !== 0n ? value.a : value.b, at);
    }
    case "load":
    case "lr":
    case "sc":
    case "amo":
    case "csr":
    case "float":
      return undefined;
  }
  const a = evaluate(value.a, at);
  if (!("b" in value)) {
    const unary = UNARIES[value.op];
    return a === undefined || unary === undefined ? undefined : mask(unary(a));
  }
  const b = evaluate(value.b, at);
  const binary = BINARIES[value.op];
  return a === undefined || b === undefined || binary === undefined
    ? undefined
    : mask(binary(a, b));
}
