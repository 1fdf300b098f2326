/** A JSON file that a flag names, checked against a schema. */
import type { z } from "zod";
import { reason, UsageError } from "./errors.ts";
import { suggestion } from "./flags.ts";

/** @throws UsageError naming the flag, the file and the field */
export function readJsonFile<T>(flag: string, file: string, schema: z.ZodType<T>): T {
  let content: unknown;
  try {
    content = JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    const problem = error instanceof SyntaxError ? `not JSON: ${error.message}` : reason(error);
    throw new UsageError(`--${flag} ${file}: ${problem}`);
  }
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  if (issue.code !== "unrecognized_keys") {
    const { message } = issue.code === "invalid_key" ? issue.issues[0] : issue;
    throw new UsageError(`--${flag} ${file}: ${path}${message}`);
  }
  const [key] = issue.keys;
  const near = suggestion(key, knownKeys(schema, issue.path));
  throw new UsageError(`--${flag} ${file}: ${path}unknown field "${key}"${near}`);
}

/** The fields of the object that lies at a path of a schema. */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): string[] {
  let at = innermost(schema);
  for (const key of path) {
    const { shape, element, valueType } = at.def;
    at = innermost(shape?.[key as string] ?? element ?? valueType);
  }
  return Object.keys(at.def.shape ?? {});
}

interface Schema {
  readonly def: {
    readonly shape?: Record<string, unknown>;
    readonly element?: unknown;
    readonly valueType?: unknown;
    readonly innerType?: unknown;
  };
}

function innermost(schema: unknown): Schema {
  let at = schema as Schema;
  while (at?.def?.innerType !== undefined) at = at.def.innerType as Schema;
  return at ?? { def: {} };
}
