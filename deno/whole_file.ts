/** Files of a cache: they may go at any time, and whoever reads one finds all of it or nothing. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";

/** Nobody takes as long to write a file. */
const ABANDONED_MS = 60 * 60 * 1000;
const TEMPORARY = /^[0-9a-f-]{36}\.new$/;

/**
 * Writes the pieces to the path, and says whether it could; nothing is left half written, and what a
 * process that was killed has left beside the path goes.
 */
export function writeWhole(path: string, ...pieces: readonly Uint8Array[]): boolean {
  const temporary = `${path}.${crypto.randomUUID()}.new`;
  try {
    fs.writeFileSync(temporary, "");
    for (const piece of pieces) fs.appendFileSync(temporary, piece);
    fs.renameSync(temporary, path);
    removeAbandoned(path);
    return true;
  } catch {
    removeQuietly(temporary);
    return false;
  }
}

function removeAbandoned(path: string): void {
  const [folder, head] = [dirname(path), `${basename(path)}.`];
  try {
    for (const name of fs.readdirSync(folder)) {
      const isOurs = name.startsWith(head) && TEMPORARY.test(name.slice(head.length));
      const temporary = join(folder, name);
      if (isOurs && Date.now() - fs.statSync(temporary).mtimeMs > ABANDONED_MS) {
        removeQuietly(temporary);
      }
    }
  } catch {
    // Somebody else was quicker, or the folder may not be read.
  }
}

/** There may be no such file, somebody else may be quicker, and the folder may be none of ours. */
export function removeQuietly(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // Nobody needs it.
  }
}
