/** Statements: control flow, calls through the table, and memory as a whole. */
import {
  type CodeOf,
  codeOf,
  F64,
  I32,
  I64,
  int,
  Label,
  like,
  type Mark,
  type Part,
  ranged,
  type Signature,
  type ValueType,
  Void,
} from "./code.ts";
import { unsigned } from "./leb128.ts";

/** Statements one after another. */
export function sequence(...statements: readonly Void[]): Void {
  return new Void(statements);
}

/** `{ statements; value }` */
export function after<T extends I32 | I64 | F64>(statements: readonly Void[], value: T): T {
  return like(value, [...statements, value]);
}

/**
 * `if (condition) { then } else { otherwise }`
 *
 * @param likely whether the condition holds almost always or hardly ever. Compilers move the other
 *   side out of the way. Source: WebAssembly branch hinting proposal.
 */
export function when(
  condition: I32,
  then: readonly Void[],
  otherwise?: readonly Void[],
  likely?: boolean,
): Void {
  const sides = otherwise ? [...then, 0x05, ...otherwise] : then;
  const body = ranged(new Label("if"), sides);
  return new Void([condition, ...hints(likely), 0x04, 0x40, ...body]);
}

/** As {@link when}, for what hardly ever happens. */
export function rarely(condition: I32, then: readonly Void[]): Void {
  return when(condition, then, undefined, false);
}

function hints(likely: boolean | undefined): Part[] {
  return likely === undefined ? [] : [{ mark: "hint", of: likely }];
}

/** A block that `br(label)` leaves. */
export function block(body: (label: Label) => readonly Void[]): Void {
  const label = new Label("block");
  return labelled(label, body(label));
}

/** A {@link block} with a label that exists already. */
export function labelled(label: Label, body: readonly Void[]): Void {
  return new Void([0x02, 0x40, ...ranged(label, body)]);
}

/**
 * Blocks around `first`, the first label's innermost; behind the end of each is what belongs to its
 * position. All in one list: nested code would be as deep as there are labels.
 */
export function cascade(
  labels: readonly Label[],
  first: readonly Void[],
  behind: (index: number) => readonly Void[],
): Void {
  const parts: Part[] = [];
  for (const of of [...labels].reverse()) parts.push(0x02, 0x40, { mark: "enter", of });
  parts.push(...first);
  labels.forEach((of, i) => parts.push(0x0b, { mark: "leave", of }, ...behind(i)));
  return new Void(parts);
}

/** A loop that `br(label)` repeats; it ends where its body falls through. */
export function loop(body: (label: Label) => readonly Void[]): Void {
  const label = new Label("loop");
  return labelledLoop(label, body(label));
}

/** A {@link loop} with a label that exists already. */
export function labelledLoop(label: Label, body: readonly Void[]): Void {
  return new Void([0x03, 0x40, ...ranged(label, body)]);
}

/** Jumps to a label. */
export function br(label: Label): Void {
  return new Void([0x0c, branch(label)]);
}

/** Jumps to a label if the condition is not 0; `likely` as in {@link when}. */
export function brIf(label: Label, condition: I32, likely?: boolean): Void {
  return new Void([condition, ...hints(likely), 0x0d, branch(label)]);
}

/** Jumps to `labels[index]`, or to `otherwise` if the index is beyond them. */
export function brTable(index: I32, labels: readonly Label[], otherwise: Label): Void {
  return new Void([
    index,
    0x0e,
    ...unsigned(labels.length),
    ...labels.map(branch),
    branch(otherwise),
  ]);
}

function branch(label: Label): Mark {
  return { mark: "branch", of: label };
}

/** Returns from the function, with a value if it has one. */
export function ret(value?: I32 | I64 | F64): Void {
  return new Void(value ? [value, 0x0f] : [0x0f]);
}

/** Calls the function at an index of the table, which must have this signature. */
export function callIndirect<R extends ValueType | "void">(
  signature: Signature & { readonly result: R },
  index: I32,
  ...values: readonly (I32 | I64 | F64)[]
): CodeOf<R> {
  return codeOf(signature.result, [
    ...values,
    index,
    0x11,
    { mark: "signature", of: signature },
    0,
  ]);
}

/** As {@link callIndirect}, and the function that it calls takes the place of this one. */
export function returnCallIndirect(
  signature: Signature,
  index: I32,
  ...values: readonly (I32 | I64 | F64)[]
): Void {
  return new Void([...values, index, 0x13, { mark: "signature", of: signature }, 0]);
}

/** Evaluates and forgets a value. */
export function drop(value: I32 | I64 | F64): Void {
  return new Void([value, 0x1a]);
}

/** A place that control never reaches; wasm traps if it does. */
export function unreachable(): Void {
  return new Void([0x00]);
}

/** Copies `size` bytes; the regions may overlap. */
export function memoryCopy(destination: I64, source: I64, size: I64): Void {
  return new Void([destination, source, size, 0xfc, 10, 0, 0]);
}

/** Sets `size` bytes to the low byte of `value`. */
export function memoryFill(destination: I64, value: number, size: I64): Void {
  return new Void([destination, int(value), size, 0xfc, 11, 0]);
}
