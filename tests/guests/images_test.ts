import { assert, assertEquals } from "@std/assert";
import { buildGuests, buildProgram } from "../../guests/build.ts";
import { IMAGE_NAMES, imageUrl, PROGRAM_NAMES } from "../../guests/images.ts";
import { hasPeer } from "../peer.ts";

const NAMES = [...IMAGE_NAMES, ...PROGRAM_NAMES];

Deno.test("buildGuests gives the committed images byte for byte", async () => {
  if (!await hasPeer("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")) return;
  const folder = await Deno.makeTempDir();
  try {
    await buildGuests(IMAGE_NAMES, folder);
    for (const name of PROGRAM_NAMES) await buildProgram(name, folder);
    for (const name of NAMES) {
      const [fresh, committed] = [
        await Deno.readFile(`${folder}/${name}.elf`),
        await Deno.readFile(imageUrl(name)),
      ];
      const same = fresh.length === committed.length && fresh.every((b, i) => b === committed[i]);
      assert(same, `${name}.elf differs from its sources: run deno task build:guests, commit it`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("IMAGE_NAMES and PROGRAM_NAMES list what is in guests/images, all of it small", async () => {
  const found: string[] = [];
  for await (const entry of Deno.readDir(new URL(".", imageUrl("pocket")))) {
    if (!entry.name.endsWith(".elf") || entry.name === "flat.elf") continue;
    found.push(entry.name.slice(0, -4));
    const { size } = await Deno.stat(imageUrl(entry.name.slice(0, -4) as typeof NAMES[0]));
    assert(size < 65536, `${entry.name} has ${size} bytes`);
  }
  assertEquals(found.sort(), NAMES.sort());
});

Deno.test("imageUrl names images that hold no path of the machine that built them", async () => {
  for (const name of NAMES) {
    const text = new TextDecoder("latin1").decode(await Deno.readFile(imageUrl(name)));
    assert(!/\/(home|root|tmp|work|usr|build)\//.test(text), `${name}.elf holds a path`);
  }
});
