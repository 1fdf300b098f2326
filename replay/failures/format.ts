/**
 * A printk format string with its arguments, as the kernel would have printed it.
 * Source: Linux, Documentation/core-api/printk-formats.rst; only what messages of failures use.
 */
import type { Witness } from "./witness.ts";

const CONVERSION = /%(?:%|(0?)-?(\d*)(?:\.(\d+|\*))?(hh|h|ll|l|z|t)?([diuxXpsc])([A-Za-z]*))/g;
const LENGTH_MAX = 200;

/** The text of a variadic function's call, whose format is argument `at` and whose others follow. */
export function formatted(witness: Witness, at: number): string {
  const format = witness.text(witness.argument(at) ?? 0n) ?? "";
  let next = at + 1;
  const take = () => witness.argument(next++) ?? 0n;
  const text = format.replace(CONVERSION, (all, zero, width, _precision, size, kind, suffix) => {
    if (all === "%%") return "%";
    // Letters behind %p say how; behind another conversion they are text.
    const isPointer = kind === "p";
    return converted(witness, take(), { kind, size, suffix: isPointer ? suffix : "" })
      .padStart(Number(width || 0), zero ? "0" : " ") + (isPointer ? "" : suffix);
  });
  return oneLine(text);
}

/** Printable characters, on one line. */
export function oneLine(text: string): string {
  return text.replace(/^<\d>/, "").replace(/[^\x20-\x7e]+/g, " ").trim().slice(
    0,
    LENGTH_MAX,
  );
}

function converted(
  witness: Witness,
  value: bigint,
  { kind, size, suffix }: { kind: string; size: string | undefined; suffix: string },
): string {
  const bits = size === undefined || size.startsWith("h") ? 32 : 64;
  switch (kind) {
    case "s":
      return witness.text(value) ?? "(null)";
    case "c":
      return String.fromCharCode(Number(value & 255n));
    case "d":
    case "i":
      return BigInt.asIntN(bits, value).toString();
    case "u":
      return BigInt.asUintN(bits, value).toString();
    case "p":
      return /^[sSB]/.test(suffix) ? witness.place(value) : `0x${value.toString(16)}`;
    default:
      return BigInt.asUintN(bits, value).toString(16);
  }
}
