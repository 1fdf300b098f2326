/** Images that are packed once: what is kept of them, and what is not taken for an image. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { Random } from "../../../core/random.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { ImageCache } from "../../../replay/deno/image_cache.ts";
import { ChunkFile } from "../../../replay/format/chunk_file.ts";
import { MemoryFile } from "../../../replay/format/codec.ts";
import { packImage } from "../../../replay/format/packed_image.ts";

const MIB = 2 ** 20;

/** Compressible, and no two pieces alike. */
const TEXT = new Random(7).bytes(9 * MIB + 77).map((byte) => byte & 3);
const NOISE = new Random(8).bytes(2 * MIB);
const SMALL = TEXT.slice(0, MIB - 1);

async function inFolder(action: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    action(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

function recorded(images?: ImageCache): Uint8Array {
  const file = new MemoryFile();
  const all = Object.entries({ TEXT, NOISE, SMALL });
  new ChunkFile(file, codec, images).start({
    program: "test",
    machine: {},
    images: all.map(([name, bytes]) => ({ role: "initrd" as const, name, bytes })),
  });
  return file.bytes.slice();
}

Deno.test("ChunkFile writes the same with kept images as without", () =>
  inFolder((folder) => {
    const cache = new ImageCache(join(folder, "images"));
    const expected = recorded();
    assertEquals(recorded(cache), expected, "the first time");
    // Noise is soon packed, and so is what is small.
    assertEquals(names(cache.folder).length, 1);
    let compressed = 0;
    const compress = (bytes: Uint8Array) => {
      compressed += bytes.length;
      return codec.compress(bytes);
    };
    const file = new MemoryFile();
    const start = { program: "test", machine: {} };
    const images = [{ role: "kernel" as const, name: "TEXT", bytes: TEXT }];
    new ChunkFile(file, { ...codec, compress }, cache).start({ ...start, images });
    assert(compressed < MIB, `${compressed} bytes were compressed`);
    assertEquals(recorded(cache), expected, "the second time");
  }));

Deno.test("packImage takes nothing from a file that is damaged, and replaces it", () =>
  inFolder((folder) => {
    const cache = new ImageCache(folder);
    const expected = recorded(cache);
    const path = join(folder, names(folder)[0]);
    const whole = Deno.readFileSync(path);
    const flipped = whole.slice();
    flipped[whole.length >> 1] ^= 4;
    for (const damaged of [flipped, whole.slice(0, -1), whole.slice(0, 20), new Uint8Array()]) {
      assertNotEquals(damaged, whole);
      Deno.writeFileSync(path, damaged);
      assertEquals(recorded(cache), expected);
      assertEquals(Deno.readFileSync(path), whole);
    }
    // Those of another image: its last piece is not there.
    const short = [...packImage(codec, "00".repeat(32), TEXT.subarray(0, 4 * MIB))];
    assertEquals(short.length, 1);
    const sizes = [...packImage(codec, "00".repeat(32), TEXT)].map((it) => it.payloadBytes);
    assertEquals(sizes, [4 * MIB + 40, 4 * MIB + 40, MIB + 77 + 40]);
  }));

Deno.test("ImageCache keeps the images that were used last", () =>
  inFolder((folder) => {
    const cache = new ImageCache(folder);
    const name = (n: number) => String(n).padStart(64, "0");
    for (let n = 0; n < 8; n++) {
      cache.put(name(n), [Uint8Array.of(n), Uint8Array.of(n, n)]);
      Deno.utimeSync(join(folder, name(n)), n, n);
    }
    assertEquals(cache.get(name(0)), Uint8Array.of(0, 0, 0));
    cache.put(name(8), [Uint8Array.of(8)]);
    assertEquals(names(folder).sort(), [0, 2, 3, 4, 5, 6, 7, 8].map(name));
    assertEquals(cache.get(name(1)), undefined);
  }));

Deno.test("ImageCache keeps nothing where it cannot", () => {
  const cache = new ImageCache("/dev/null/images");
  cache.put("00", [Uint8Array.of(1)]);
  assertEquals(cache.get("00"), undefined);
});
