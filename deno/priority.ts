/**
 * Threads that run machines go first: where cores are few, a machine would wait for one while others
 * compile or write in advance. Source: setpriority(2), which takes a thread for a process on Linux;
 * elsewhere all stay equal.
 */
import os from "node:os";
import { basename } from "@std/path";

/** Of -20 to 19: a tenth of the share of a thread that has not stepped back. */
export const BACKGROUND_NICE = 10;

const THREADS = "/proc/self/task";

/** Has the calling thread step back. */
export function stepBack(): void {
  // "<process>/task/<thread>"
  ifKnown(() => lower(basename(Deno.readLinkSync("/proc/thread-self"))));
}

/** Has V8's own threads step back: they compile, and collect garbage. */
export function stepV8Back(): void {
  ifKnown(() => {
    for (const { name } of Deno.readDirSync(THREADS)) {
      if (Deno.readTextFileSync(`${THREADS}/${name}/comm`).startsWith("V8 ")) lower(name);
    }
  });
}

function lower(thread: string): void {
  os.setPriority(Number(thread), BACKGROUND_NICE);
}

/** A host that has no such threads, or that denies it, runs them as they are. */
function ifKnown(action: () => void): void {
  if (Deno.build.os !== "linux") return;
  try {
    action();
  } catch {
    // Nothing but speed depends on it.
  }
}
