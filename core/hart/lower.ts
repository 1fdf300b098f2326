/**
 * Turns the effects of an instruction into WebAssembly.
 *
 * The text of an instruction is the same for every tier; a tier is a {@link Target}, which says
 * where registers, immediates and addresses are.
 */
import { type I32, I64, long } from "../wasm/code.ts";
import type { AmoKind, Binary, Field, Unary, Value } from "../isa/effect.ts";

type Of<Op extends Value["op"]> = Extract<Value, { op: Op }>;

/** Where a tier keeps what values name. */
export interface Target {
  x(field: Field): I64;
  f(field: Field): I64;
  imm(): I64;
  zimm(): I64;
  pc(): I64;
  next(): I64;
  load(value: Of<"load">, address: I64): I64;
  lr(value: Of<"lr">, address: I64): I64;
  sc(value: Of<"sc">, address: I64, stored: I64): I64;
  amo(value: Of<"amo">, address: I64, operand: I64): I64;
  csr(value: Of<"csr">, operand: I64): I64;
  float(value: Of<"float">, operands: I64[]): I64;
  /** Evaluates `value` once and gives it to `use`, which may read it several times. */
  once(value: I64, use: (value: I64) => I64): I64;
}

/** The i64 that a value is. */
export function lower(value: Value, target: Target): I64 {
  const down = (inner: Value) => lower(inner, target);
  switch (value.op) {
    case "x":
      return target.x(value.field);
    case "f":
      return target.f(value.field);
    case "imm":
      return target.imm();
    case "zimm":
      return target.zimm();
    case "pc":
      return target.pc();
    case "next":
      return target.next();
    case "const":
      return long(value.value);
    case "select":
      return lowerCondition(value.condition, target).select(down(value.a), down(value.b));
    case "load":
      return target.load(value, down(value.address));
    case "lr":
      return target.lr(value, down(value.address));
    case "sc":
      return target.sc(value, down(value.address), down(value.value));
    case "amo":
      return target.amo(value, down(value.address), down(value.value));
    case "csr":
      return target.csr(value, down(value.operand));
    case "float":
      return target.float(value, value.operands.map(down));
    default:
      return "b" in value
        ? lowerBinary(value.op, down(value.a), down(value.b), target)
        : lowerUnary(value.op, down(value.a), target);
  }
}

/** A value as a condition: 0 or not. */
export function lowerCondition(value: Value, target: Target): I32 {
  if ("b" in value && value.op in COMPARISONS) {
    const compare = COMPARISONS[value.op as keyof typeof COMPARISONS];
    return compare(lower(value.a, target), lower(value.b, target));
  }
  return lower(value, target).ne(0);
}

const COMPARISONS = {
  eq: (a: I64, b: I64) => a.eq(b),
  ne: (a: I64, b: I64) => a.ne(b),
  ltS: (a: I64, b: I64) => a.ltS(b),
  ltU: (a: I64, b: I64) => a.ltU(b),
  geS: (a: I64, b: I64) => a.geS(b),
  geU: (a: I64, b: I64) => a.geU(b),
};

const SIMPLE = {
  add: (a: I64, b: I64) => a.add(b),
  sub: (a: I64, b: I64) => a.sub(b),
  and: (a: I64, b: I64) => a.and(b),
  or: (a: I64, b: I64) => a.or(b),
  xor: (a: I64, b: I64) => a.xor(b),
  shl: (a: I64, b: I64) => a.shl(b),
  shrU: (a: I64, b: I64) => a.shrU(b),
  shrS: (a: I64, b: I64) => a.shrS(b),
  rotl: (a: I64, b: I64) => a.rotl(b),
  rotr: (a: I64, b: I64) => a.rotr(b),
  mul: (a: I64, b: I64) => a.mul(b),
};

function lowerBinary(op: Binary, a: I64, b: I64, target: Target): I64 {
  if (op in SIMPLE) return SIMPLE[op as keyof typeof SIMPLE](a, b);
  if (op in COMPARISONS) return COMPARISONS[op as keyof typeof COMPARISONS](a, b).extendU();
  const both = (use: (a: I64, b: I64) => I64) =>
    target.once(a, (first) => target.once(b, (second) => use(first, second)));
  const minimum = -(1n << 63n);
  switch (op) {
    case "mulhU":
      return both((x, y) => highProduct(x, y, target));
    // Signed from unsigned: subtract the other operand for each negative one.
    case "mulhS":
      return both((x, y) =>
        highProduct(x, y, target).sub(x.shrS(63).and(y)).sub(y.shrS(63).and(x))
      );
    case "mulhSU":
      return both((x, y) => highProduct(x, y, target).sub(x.shrS(63).and(y)));
    // Wasm traps where the ISA defines a result (unprivileged spec, M, table 11).
    case "divU":
      return both((x, y) => y.eqz().choose(long(-1), x.divU(y)));
    case "remU":
      return both((x, y) => y.eqz().choose(x, x.remU(y)));
    case "divS":
      return both((x, y) =>
        y.eqz().choose(
          long(-1),
          x.eq(minimum).and(y.eq(-1)).choose(x, x.divS(y)),
        )
      );
    case "remS":
      return both((x, y) => y.eqz().choose(x, x.remS(y)));
    default:
      throw new TypeError(`No lowering for "${op}"`);
  }
}

// The upper half of a 64 by 64 bit product, from four 32 by 32 bit ones.
function highProduct(a: I64, b: I64, target: Target): I64 {
  const low = (value: I64) => value.and(0xffffffff);
  const high = (value: I64) => value.shrU(32);
  return target.once(
    high(a).mul(low(b)).add(high(low(a).mul(low(b)))),
    (middle) =>
      high(a).mul(high(b)).add(high(middle)).add(
        high(low(a).mul(high(b)).add(low(middle))),
      ),
  );
}

function lowerUnary(op: Unary, a: I64, target: Target): I64 {
  switch (op) {
    case "clz":
      return a.clz();
    case "ctz":
      return a.ctz();
    case "popcnt":
      return a.popcnt();
    case "sext8":
      return a.extend8();
    case "sext16":
      return a.extend16();
    case "sext32":
      return a.extend32();
    case "zext8":
      return a.and(0xff);
    case "zext16":
      return a.and(0xffff);
    case "zext32":
      return a.and(0xffffffff);
    case "orcB":
      return target.once(a, (value) => orCombine(value));
    case "rev8":
      return target.once(
        swapBytes(swapBytes(a, 8, 0x00ff00ff00ff00ffn, target), 16, 0x0000ffff0000ffffn, target),
        (value) => value.rotl(32),
      );
  }
}

// Each byte becomes 0xff unless it is 0: carry its highest bit out of 0x7f + low bits.
function orCombine(value: I64): I64 {
  const low7 = 0x7f7f7f7f7f7f7f7fn;
  const nonzero = value.and(low7).add(low7).or(value).and(~low7).shrU(7);
  return nonzero.mul(0xff);
}

function swapBytes(value: I64, count: number, mask: bigint, target: Target): I64 {
  return target.once(
    value,
    (v) => v.shrU(count).and(mask).or(v.and(mask).shl(count)),
  );
}

/** What an AMO stores, from the old value (sign-extended to 64 bits) and its operand. */
export function amoResult(kind: AmoKind, size: 4 | 8, old: I64, operand: I64): I64 {
  const signed = (value: I64) => size === 4 ? value.extend32() : value;
  const unsigned = (value: I64) => size === 4 ? value.and(0xffffffff) : value;
  switch (kind) {
    case "swap":
      return operand;
    case "add":
      return old.add(operand);
    case "xor":
      return old.xor(operand);
    case "and":
      return old.and(operand);
    case "or":
      return old.or(operand);
    case "minS":
      return signed(old).ltS(signed(operand)).select(old, operand);
    case "maxS":
      return signed(old).gtS(signed(operand)).select(old, operand);
    case "minU":
      return unsigned(old).ltU(unsigned(operand)).select(old, operand);
    case "maxU":
      return unsigned(old).gtU(unsigned(operand)).select(old, operand);
  }
}
