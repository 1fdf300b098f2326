/** The part of a set that a failure needs. Source: A. Zeller and R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002 (ddmin). */

/**
 * A subset that still fails, and does not without any one of its items: 1-minimal.
 * @param all fails
 * @param fails whether the items alone fail; asked once for each set
 */
export async function ddmin<T>(
  all: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  const known = new Map<string, boolean>();
  const place = new Map(all.map((item, index) => [item, index]));
  const ask = async (items: readonly T[]) => {
    const key = items.map((item) => place.get(item)).join();
    let answer = known.get(key);
    if (answer === undefined) known.set(key, answer = await fails(items));
    return answer;
  };
  if (await ask([])) return [];
  let items = all;
  for (let parts = 2; items.length > 1;) {
    const smaller = await smallerOf(items, Math.min(parts, items.length), ask);
    if (smaller !== undefined) {
      parts = Math.max(smaller.isPart ? 2 : parts - 1, 2);
      items = smaller.items;
    } else if (parts >= items.length) return items;
    else parts *= 2;
  }
  return items;
}

/** A part that fails by itself, or what is left without a part. */
async function smallerOf<T>(
  items: readonly T[],
  count: number,
  fails: (items: readonly T[]) => Promise<boolean>,
): Promise<{ items: readonly T[]; isPart: boolean } | undefined> {
  const bounds = Array.from({ length: count + 1 }, (_, i) => Math.floor(items.length * i / count));
  const parts = bounds.slice(1).map((end, i) => items.slice(bounds[i], end));
  for (const part of parts) if (await fails(part)) return { items: part, isPart: true };
  for (const [i, part] of parts.entries()) {
    const rest = items.toSpliced(bounds[i], part.length);
    if (await fails(rest)) return { items: rest, isPart: false };
  }
  return undefined;
}
