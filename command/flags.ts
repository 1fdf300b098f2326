/** Reads a command's flags: every flag is declared, so that a slip of the fingers is an error and not a surprise. */
import { UsageError } from "./errors.ts";

/** One flag of a command. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** What follows it, e.g. `FILE`; absent: nothing does. */
  readonly value?: string;
  /** May be given more than once. */
  readonly isRepeatable?: boolean;
  readonly summary: string;
  /** For tests of the emulator itself. */
  readonly isForTests?: boolean;
}

/** What was given, by flag; a flag without a value has the value "". */
export interface Flags {
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positional: readonly string[];
}

/** @throws UsageError for an unknown flag, a missing value or a repetition */
export function parseFlags(args: readonly string[], known: readonly Flag[]): Flags {
  const values = new Map<string, string[]>();
  const positional: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const argument = args[index];
    if (!argument.startsWith("-") || argument === "-") {
      positional.push(argument);
      continue;
    }
    const [, name, inline] = /^--?([^=]*)(?:=([^]*))?$/.exec(argument)!;
    const flag = known.find((flag) => flag.name === name);
    if (flag === undefined) {
      throw new UsageError(
        `unknown flag ${argument}${suggestion(name, known.map(({ name }) => name), "--")}`,
      );
    }
    if (flag.value === undefined && inline !== undefined) {
      throw new UsageError(`--${name} takes no value`);
    }
    const value = flag.value === undefined ? "" : inline ?? args[++index];
    if (value === undefined) {
      throw new UsageError(`--${name} needs a value: --${name} ${flag.value}`);
    }
    const given = values.get(name) ?? [];
    if (given.length > 0 && !flag.isRepeatable) throw new UsageError(`--${name} is given twice`);
    values.set(name, [...given, value]);
  }
  return { values, positional };
}

/** `; did you mean …?`, or nothing if no name is near. */
export function suggestion(given: string, names: readonly string[], prefix = ""): string {
  const [nearest] = names.map((name) => ({ name, distance: editDistance(given, name) }))
    .sort((a, b) => a.distance - b.distance);
  if (nearest === undefined || nearest.distance > Math.max(2, given.length / 3)) return "";
  return `; did you mean ${prefix}${nearest.name}?`;
}

/** How many characters to insert, drop or replace. Levenshtein's distance. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The value of a flag that takes a cycle; `undefined` if it is not given. @throws UsageError */
export function cycleFlag({ values }: Flags, name: string): number | undefined {
  const text = values.get(name)?.[0];
  if (text === undefined) return undefined;
  const cycle = Number(text.replaceAll("_", ""));
  if (/^\d[\d_]*$/.test(text) && Number.isSafeInteger(cycle)) return cycle;
  throw new UsageError(`--${name} ${text}: a cycle is needed, a whole number from 0`);
}

/** The value of a flag that takes a whole number in a range; `undefined` if it is not given. @throws UsageError */
export function wholeFlag(
  { values }: Flags,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = values.get(name)?.[0];
  if (text === undefined) return undefined;
  const value = Number(text.replaceAll("_", ""));
  if (/^\d[\d_]*$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} ${text}: a whole number from ${min} to ${max} is needed`);
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The bytes of a flag that takes a size such as 512M; `undefined` if it is not given. @throws UsageError */
export function sizeFlag({ values }: Flags, name: string): number | undefined {
  const text = values.get(name)?.[0];
  if (text === undefined) return undefined;
  const [, count, unit] = /^([1-9]\d{0,5})([KMG])$/.exec(text) ?? [];
  if (unit !== undefined) return Number(count) * UNITS[unit];
  throw new UsageError(`--${name} ${text}: a size is needed, such as 512M or 2G`);
}
