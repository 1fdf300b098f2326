/** Runs the command line as a user does: another process, with its exit status and what it printed. */
import { fromFileUrl } from "@std/path";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * @param input what comes on standard input; absent: nothing, at its end at once
 * @param output a file to which standard output goes
 */
export async function hindsight(
  args: readonly string[],
  options: { input?: string; output?: string; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const { env, output } = options;
  const stdin = options.input === undefined ? "null" : "piped";
  const child = startHindsight(args, { stdin, stderr: "piped", env, output });
  if (options.input !== undefined) {
    const writer = child.stdin.getWriter();
    // The process may have ended without reading, which is its right.
    await writer.write(new TextEncoder().encode(options.input)).catch(() => {});
    await writer.close().catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** For tests that talk with it, or end it. */
export function startHindsight(
  args: readonly string[],
  options: {
    stdin?: "null" | "piped";
    stderr?: "inherit" | "piped";
    output?: string;
    env?: Record<string, string>;
  } = {},
): Deno.ChildProcess {
  const command = [Deno.execPath(), "run", "-A", "--no-check", MAIN, ...args];
  const redirected = ["sh", "-c", `exec "$@" > "$0"`, options.output ?? "", ...command];
  const [program, ...rest] = options.output === undefined ? command : redirected;
  return new Deno.Command(program, {
    args: rest,
    stdin: options.stdin ?? "null",
    stdout: "piped",
    stderr: options.stderr ?? "inherit",
    env: { NO_COLOR: "1", ...options.env },
  }).spawn();
}
