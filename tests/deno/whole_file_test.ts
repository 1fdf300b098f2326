import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { removeQuietly, writeWhole } from "../../deno/whole_file.ts";

Deno.test("writeWhole() replaces a file by its pieces, or leaves everything as it was", async () => {
  const folder = await Deno.makeTempDir();
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  try {
    const path = join(folder, "it");
    for (const pieces of [[Uint8Array.of(1, 2), Uint8Array.of(3)], [Uint8Array.of(4)], []]) {
      assert(writeWhole(path, ...pieces));
      assertEquals([...Deno.readFileSync(path)], pieces.flatMap((piece) => [...piece]));
    }
    const taken = join(folder, "taken");
    Deno.mkdirSync(join(taken, "inside"), { recursive: true });
    assert(!writeWhole(taken, Uint8Array.of(1)));
    assert(!writeWhole(join(folder, "nowhere", "it"), Uint8Array.of(1)));
    assertEquals(names(), ["it", "taken"]);
    removeQuietly(path);
    removeQuietly(path);
    assertEquals(names(), ["taken"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("writeWhole() removes what was left half written long ago, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const uuid = crypto.randomUUID();
    const others = [
      `it.${crypto.randomUUID()}.new`,
      "it.conf.new",
      `other.${uuid}.new`,
      `it.${uuid}`,
    ];
    for (const name of [`it.${uuid}.new`, ...others]) {
      Deno.writeFileSync(join(folder, name), Uint8Array.of(1));
      if (name === others[0]) continue; // it is being written
      Deno.utimeSync(join(folder, name), new Date(0), new Date(0));
    }
    assert(writeWhole(join(folder, "it"), Uint8Array.of(2)));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, ["it", ...others].sort());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
