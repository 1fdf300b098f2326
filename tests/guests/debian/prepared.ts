/** The Debian guest for tests: prepared by the product's own command, in the user's cache. */
import { prepareGuest } from "../../../command/guest.ts";
import { type DebianGuest, openDebian } from "../../../guests/debian/deno/guest.ts";

/**
 * The guest; `undefined` after `ignored: needs …` if there is none and the archive cannot be reached.
 * @throws Error in that case if CI=true
 */
export async function preparedGuest(): Promise<DebianGuest | undefined> {
  const ready = await openDebian();
  if (ready !== undefined) return ready;
  try {
    return await prepareGuest();
  } catch (error) {
    const need = `needs the Debian guest (deno run -A main.ts guest debian): ${error}`;
    if (Deno.env.get("CI") === "true") throw new Error(need);
    console.log(`ignored: ${need}`);
    return undefined;
  }
}
