/** The ELF loader against hand-made files, good and damaged, and against what gcc links. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { isElf, loadElf } from "../../../devices/boot/elf.ts";
import { ImageError } from "../../../devices/boot/image.ts";
import { Random } from "../../../core/random.ts";
import { hasPeer, runPeer } from "../../peer.ts";
import { CODE, makeElf } from "./images.ts";

const GOOD = makeElf([
  { address: 0x8000_0000, bytes: CODE },
  { address: 0x8000_2000, bytes: Uint8Array.of(1, 2, 3), sizeBytes: 0x1000 },
]);

function damaged(offset: number, ...bytes: number[]): Uint8Array {
  const copy = GOOD.slice();
  copy.set(bytes, offset);
  return copy;
}

Deno.test("loadElf gives every segment at its physical address", () => {
  const image = loadElf({ name: "good.elf", bytes: GOOD });
  assertEquals(image.entry, 0x8000_0000);
  assertEquals(image.segments.map((segment) => [segment.address, segment.sizeBytes]), [
    [0x8000_0000, 8],
    [0x8000_2000, 0x1000],
  ]);
  assertEquals([...image.segments[1].bytes], [1, 2, 3]);
});

Deno.test("loadElf refuses a damaged file, naming the offset and the reason", () => {
  const cases: [Uint8Array, string][] = [
    [Uint8Array.of(1, 2, 3, 4), "x: not an ELF file (file offset 0x0)"],
    [GOOD.slice(0, 20), "x: truncated ELF: the header has 64 bytes (file offset 0x14)"],
    [
      GOOD.slice(0, 100),
      "truncated ELF: the program headers end after the file (file offset 0x64)",
    ],
    [GOOD.slice(0, -1), "truncated ELF: segment 1 ends after the file (file offset 0xba)"],
    [damaged(4, 1), "not a 64-bit ELF file (file offset 0x4)"],
    [damaged(5, 2), "not a little-endian ELF file (file offset 0x5)"],
    [damaged(16, 1, 0), "ELF type 1 is not an executable (file offset 0x10)"],
    [damaged(18, 62, 0), "ELF machine 62 is not RISC-V (243) (file offset 0x12)"],
    [damaged(54, 8, 0), "e_phentsize 8 is below 56 (file offset 0x36)"],
    [damaged(56, 0, 0), "no program headers: nothing to load (file offset 0x38)"],
    [damaged(64 + 14, 0xff, 0xff), "p_offset 0xffff0000000000"],
    [damaged(64 + 36, 1), "p_filesz is above p_memsz (file offset 0x60)"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => loadElf({ name: "x", bytes }), ImageError, message);
  }
});

Deno.test("loadElf answers any mutation with an image inside the file or an ImageError", () => {
  const seed = 7;
  const random = new Random(seed);
  for (let round = 0; round < 20_000; round++) {
    const bytes = GOOD.slice(
      0,
      random.below(4) === 0 ? random.below(GOOD.length + 1) : GOOD.length,
    );
    for (let flips = random.below(4); flips >= 0 && bytes.length > 0; flips--) {
      bytes[random.below(Math.min(bytes.length, 176))] = random.below(256);
    }
    try {
      for (const segment of loadElf({ name: "x", bytes }).segments) {
        assert(segment.bytes.length <= bytes.length && segment.sizeBytes >= segment.bytes.length);
      }
    } catch (error) {
      if (!(error instanceof ImageError)) throw new Error(`seed ${seed}, round ${round}: ${error}`);
    }
  }
});

Deno.test("loadElf agrees with readelf about a file that gcc linked", async () => {
  if (!await hasPeer("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")) return;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/a.c`,
    "int data = 7; int zeros[5000]; int _start(void) { return data + zeros[1]; }",
  );
  await runPeer("riscv64-unknown-elf-gcc", [
    "-nostdlib",
    "-mcmodel=medany",
    "-Wl,-Ttext=0x80000000",
    "-o",
    `${folder}/a.elf`,
    `${folder}/a.c`,
  ]);
  const bytes = await Deno.readFile(`${folder}/a.elf`);
  const { stdout } = await runPeer("riscv64-unknown-elf-readelf", ["-lW", `${folder}/a.elf`]);
  await Deno.remove(folder, { recursive: true });
  const loads = [...stdout.matchAll(/LOAD +\w+ \w+ (0x\w+) (0x\w+) (0x\w+)/g)].map((match) =>
    match.slice(1).map(Number)
  ).filter(([, , sizeBytes]) => sizeBytes > 0);
  assert(isElf(bytes) && loads.length > 0, stdout);
  const image = loadElf({ name: "a.elf", bytes });
  assertEquals(
    image.segments.map((segment) => [segment.address, segment.bytes.length, segment.sizeBytes]),
    loads,
  );
  assertEquals(image.entry, Number(/Entry point (0x\w+)/.exec(stdout)?.[1]));
});
