/** Timing of whole processes, and the statistics of it. */
import type { Command } from "./peers.ts";

/** A process that ran to its end. */
export interface Run {
  readonly wallMs: number;
  /** Of all its threads, in user mode, to 10 ms; 0 where the host has no /proc. */
  readonly userMs: number;
  readonly text: string;
  /** When each line of standard output was first seen, in milliseconds since the start. */
  readonly lines: readonly { readonly atMs: number; readonly text: string }[];
}

const TIMEOUT_MS = 10 * 60 * 1000;

/** @throws Error with the end of its output if it ends with another status or takes more than ten minutes */
export async function timeRun({ program, args, env }: Command, status = 0): Promise<Run> {
  const [startMs, startUserMs] = [performance.now(), childrenUserMs()];
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).spawn();
  const errors = new Response(child.stderr).text();
  const lines: { atMs: number; text: string }[] = [];
  let text = "";
  let seen = 0;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end; (end = text.indexOf("\n", seen)) >= 0; seen = end + 1) {
      lines.push({ atMs: performance.now() - startMs, text: text.slice(seen, end).trimEnd() });
    }
  }
  const { code } = await child.status;
  const [wallMs, userMs] = [performance.now() - startMs, childrenUserMs() - startUserMs];
  if (code !== status) {
    const end = `${text}\n${await errors}`.trimEnd().slice(-2000);
    throw new Error(`${program} ${args.join(" ")}\nended with status ${code}:\n${end}`);
  }
  await errors;
  return { wallMs, userMs, text, lines };
}

/** Source: proc(5), /proc/PID/stat, field 16, of children that have ended. */
function childrenUserMs(): number {
  const CUTIME = 16 - 3; // after the name in parentheses
  try {
    const stat = Deno.readTextFileSync("/proc/self/stat");
    return 10 * Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[CUTIME]);
  } catch {
    return 0;
  }
}

/** The milliseconds from one line of the console to another. @throws Error if either is missing */
export function betweenMs(run: Run, from: string, to: string): number {
  const at = (wanted: string) => {
    const line = run.lines.find(({ text }) => text === wanted);
    if (line === undefined) throw new Error(`no line "${wanted}" in:\n${run.text.slice(-2000)}`);
    return line.atMs;
  };
  return at(to) - at(from);
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** @param part from 0 to 1 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
