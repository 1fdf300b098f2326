/** Files of a cache: they may go at any time, and whoever reads one finds all of it or nothing. */
import fs from "node:fs";

/** Writes the pieces to the path, and says whether it could; nothing is left half written. */
export function writeWhole(path: string, ...pieces: readonly Uint8Array[]): boolean {
  const temporary = `${path}.${crypto.randomUUID()}.new`;
  try {
    fs.writeFileSync(temporary, "");
    for (const piece of pieces) fs.appendFileSync(temporary, piece);
    fs.renameSync(temporary, path);
    return true;
  } catch {
    removeQuietly(temporary);
    return false;
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
