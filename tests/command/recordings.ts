/** What the tests of commands record. */
import { join } from "@std/path";
import { Random } from "../../core/random.ts";

/** A disk of 1 MiB with seeded content. */
export async function diskFile(folder: string): Promise<string> {
  const path = join(folder, "disk");
  await Deno.writeFile(path, new Random(4).bytes(1 << 20));
  return path;
}

export async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
