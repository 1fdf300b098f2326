/** Bytes that lie in several places, one piece after the other. */

export type Pieces = readonly Uint8Array[];

export function lengthOf(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** In one piece: that piece itself, if there is but one. */
export function whole(pieces: Pieces): Uint8Array {
  return pieces.length === 1 ? pieces[0] : joined(pieces);
}

/** A copy in one piece. */
export function joined(pieces: Pieces): Uint8Array {
  const all = new Uint8Array(lengthOf(pieces));
  let filled = 0;
  for (const piece of pieces) {
    all.set(piece, filled);
    filled += piece.length;
  }
  return all;
}

/** The same bytes in fewer pieces, where one begins in memory where another ends. */
export function adjoined(pieces: Pieces): Pieces {
  const fewer: Uint8Array[] = [];
  for (const piece of pieces) {
    const last = fewer.at(-1);
    if (last?.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset) {
      const sizeBytes = last.length + piece.length;
      fewer[fewer.length - 1] = new Uint8Array(piece.buffer, last.byteOffset, sizeBytes);
    } else fewer.push(piece);
  }
  return fewer;
}

/** Views of so many places that lie equally far apart, of so many bytes each or to the end of its piece. */
export function spread(pieces: Pieces, count: number, sizeBytes: number): Pieces {
  const step = lengthOf(pieces) / count;
  const views: Uint8Array[] = [];
  let start = 0;
  for (const piece of pieces) {
    for (let at; (at = Math.floor(views.length * step) - start) < piece.length;) {
      views.push(piece.subarray(at, at + sizeBytes));
    }
    start += piece.length;
  }
  return views;
}
