/** What a debugger command is. Each is one file in `commands/`, and exists in every face. */
import { z } from "zod";
import type { Debugger } from "./debugger.ts";
import { CommandError } from "./debugger.ts";

/** A value as JSON has it; 64-bit values are `0x…` strings, cycles are numbers. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [field: string]: Json | undefined };

/** What a command answers: lines for people, and the same for programs. */
export interface Answer {
  readonly text: string;
  readonly data: { readonly [field: string]: Json | undefined };
}

/** A command of the debugger. */
export interface Command<Shape extends z.ZodRawShape = z.ZodRawShape> {
  /** Lower case, words joined by `-`. */
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** In the order in which a command line names them. Values come as JSON or as text. */
  readonly parameters: z.ZodObject<Shape>;
  /** `reads`: at any position, changes nothing. `moves`: in time. `sets`: the client's own settings. `changes`: the guest's state. */
  readonly effect: "reads" | "moves" | "sets" | "changes";
  /** @throws CommandError with what the client should know */
  run(
    debug: Debugger,
    parameters: z.output<z.ZodObject<Shape>>,
    signal?: AbortSignal,
  ): Answer | Promise<Answer>;
}

/** Checks a command's types; its value is its argument, fit for a list of commands. */
export function command<Shape extends z.ZodRawShape>(definition: Command<Shape>): Command {
  return definition as unknown as Command;
}

const integer = (limit: number) =>
  z.union([
    z.number().int().min(0).max(limit),
    z.string().regex(/^(0[xX][0-9a-fA-F]{1,13}|\d{1,16})$/).transform(Number)
      .pipe(z.number().max(limit)),
  ]);

/** The parameters that commands share. */
export const parameter = {
  cycle: integer(Number.MAX_SAFE_INTEGER).describe("a cycle: nanoseconds of guest time"),
  count: integer(1_000_000).describe("how many"),
  number: integer(1_000_000).describe("a number that this debugger gave out"),
  hart: integer(7).optional().describe("a hart; the selected one if absent"),
  address: z.string().min(1).max(256).describe(
    "an address: 0x…, a symbol, $register, or one + a number",
  ),
  length: (limit: number) => integer(limit).describe(`bytes, at most ${limit}`),
  onOff: z.enum(["on", "off"]),
} as const;

/** A command, and its parameters as they were checked. */
export interface Call {
  readonly command: Command;
  readonly parameters: z.output<z.ZodObject>;
}

/**
 * Runs a command from a line such as `goto 1000` or `memory $sp length=16`.
 * @throws CommandError if there is no such command or the arguments do not fit
 */
export async function runLine(
  commands: readonly Command[],
  debug: Debugger,
  line: string,
  signal?: AbortSignal,
): Promise<Answer> {
  const { command, parameters } = parseLine(commands, line);
  return await command.run(debug, parameters, signal);
}

/** @throws CommandError if there is no such command or the arguments do not fit */
export function parseLine(commands: readonly Command[], line: string): Call {
  const [name = "help", ...words] = line.trim().split(/\s+/).filter((word) => word !== "");
  const found = findCommand(commands, name);
  return check(found, argumentsOf(found, words));
}

/**
 * Checks the parameters and runs the command.
 * @throws CommandError if they do not fit
 */
export async function runCommand(
  found: Command,
  debug: Debugger,
  parameters: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  return await found.run(debug, check(found, parameters).parameters, signal);
}

function check(found: Command, parameters: unknown): Call {
  const parsed = found.parameters.safeParse(parameters);
  if (parsed.success) return { command: found, parameters: parsed.data };
  const [issue] = parsed.error.issues;
  throw new CommandError(`${issue.path.join(".")}: ${issue.message}; ${usage(found)}`);
}

/** `goto CYCLE` */
export function usage({ name, parameters }: Command): string {
  const words = Object.entries(parameters.shape).map(([parameterName, schema]) => {
    const isOptional = (schema as z.ZodType).safeParse(undefined).success;
    const word = parameterName.toUpperCase();
    return isOptional ? `[${word}]` : word;
  });
  return [name, ...words].join(" ");
}

// A name, or its beginning where that is clear.
function findCommand(commands: readonly Command[], name: string): Command {
  const exact = commands.find((candidate) => candidate.name === name);
  const begins = commands.filter((candidate) => candidate.name.startsWith(name));
  const found = exact ?? (begins.length === 1 ? begins[0] : undefined);
  if (found) return found;
  throw new CommandError(
    begins.length > 1
      ? `"${name}" is ambiguous: ${begins.map((candidate) => candidate.name).join(", ")}`
      : `Unknown command "${name}"; "help" lists them`,
  );
}

function argumentsOf(found: Command, words: readonly string[]): Record<string, string> {
  const names = Object.keys(found.parameters.shape);
  const given: Record<string, string> = {};
  let position = 0;
  for (const word of words) {
    const [, key, value] = /^([a-z]+)=(.+)$/.exec(word) ?? [];
    if (key !== undefined && names.includes(key)) given[key] = value;
    else if (position < names.length) given[names[position++]] = word;
    else throw new CommandError(`Too many arguments; ${usage(found)}`);
  }
  return given;
}
