/** Saved states in CBOR: blocks of disks that the log has stand there once. */
import { assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { decodeCbor, encodeCbor } from "../../../replay/format/cbor.ts";
import { FormatError } from "../../../replay/format/codec.ts";
import { LearnedBytes } from "../../../replay/format/learned_bytes.ts";
import { StateReader, stateToCbor } from "../../../replay/format/state_value.ts";

const BLOCK = 4096;
const random = new Random(5);
const memory = random.bytes(20 * BLOCK + 100);
const block = (n: number, from = memory) => from.subarray(n * BLOCK, (n + 1) * BLOCK);

/** Inputs of 4, 1 and 6 blocks; between the last two lie bytes of nobody. */
const INPUTS = [
  { id: "m/disk0#0", bytes: memory.subarray(0, 4 * BLOCK) },
  { id: "m/disk0#1", bytes: block(4) },
  { id: "m/disk1#0", bytes: memory.subarray(6 * BLOCK, 12 * BLOCK) },
];

/** A list as a file has it, as it is read back, and how many blocks became pages. */
function through(list: readonly (number | Uint8Array)[], inputs = INPUTS) {
  const learned = new LearnedBytes();
  for (const { bytes, id } of inputs) learned.add(bytes, id);
  const pages: Uint8Array[] = [];
  const places = {
    pageOf: (bytes: Uint8Array) => bytes.length === BLOCK ? pages.push(bytes) - 1 : undefined,
    originOf: (bytes: Uint8Array) => learned.find(bytes),
  };
  const [cbor] = decodeCbor(encodeCbor([stateToCbor(list, places)]), "a state") as unknown[];
  const reader = new StateReader({
    page: (number) => pages[number],
    learned: (id) => INPUTS.find((input) => input.id === id)?.bytes,
    blocksMax: 11,
  });
  return { cbor, list: reader.read(cbor), pages: pages.length };
}

Deno.test("blocks in a row of one input are one item", () => {
  const list = [7, block(0), 8, block(1), 9, block(2), 10, block(3)];
  const { cbor, list: read, pages } = through(list);
  assertEquals([cbor, pages], [[0, [5, 7, 4, "m/disk0#0", 0]], 0]);
  assertEquals(read, list);
});

Deno.test("an item ends where numbers, memory or the input do", () => {
  const apart = random.bytes(BLOCK);
  const list = [
    ...[2, block(1), 3, block(2), 5, block(3)], // a number is left out
    ...[6, block(4), 7, block(6), 8, block(8), 9, block(7)], // two inputs, and not in order
    ...[10, apart, 11, block(5), 12, block(11), 13, block(12)], // of nobody; the last is beyond
  ];
  const { cbor, list: read, pages } = through(list);
  assertEquals(cbor, [
    0,
    [5, 2, 2, "m/disk0#0", BLOCK],
    [5, 5, 1, "m/disk0#0", 3 * BLOCK],
    [5, 6, 1, "m/disk0#1", 0],
    [5, 7, 1, "m/disk1#0", 0],
    [5, 8, 1, "m/disk1#0", 2 * BLOCK],
    [5, 9, 1, "m/disk1#0", BLOCK],
    ...[10, [4, 0], 11, [4, 1]],
    [5, 12, 1, "m/disk1#0", 5 * BLOCK],
    ...[13, [4, 2]],
  ]);
  assertEquals([read, pages], [list, 3]);
});

Deno.test("inputs that come in any order of memory are found", () => {
  const list = [0, block(0), 1, block(4), 2, block(6), 3, block(7)];
  const { cbor, list: read } = through(list, INPUTS.toReversed());
  assertEquals(cbor, [
    0,
    [5, 0, 1, "m/disk0#0", 0],
    [5, 1, 1, "m/disk0#1", 0],
    [5, 2, 2, "m/disk1#0", 0],
  ]);
  assertEquals(read, list);
});

Deno.test("lists of rows that are no blocks stay as they are", () => {
  const sectors = random.bytes(512);
  const overlay = [3, 255, random.bytes(BLOCK), -1, block(0), 1.5, block(1), 4, sectors];
  const { list, pages } = through(overlay);
  assertEquals([list, pages], [overlay, 3]);
});

Deno.test("an item that names what the log does not have is refused", () => {
  const rows: readonly [unknown, string][] = [
    [[5, 0, 1, "m/disk0#9", 0], "blocks that the log does not have"],
    [[5, 0, 5, "m/disk0#0", 0], "blocks that the log does not have"],
    [[5, 0, 4, "m/disk0#0", 1], "blocks that the log does not have"],
    [[5, 0, 2 ** 53 - 1, "m/disk0#0", 0], "blocks that the log does not have"],
    [[5, 2 ** 53 - 1, 1, "m/disk0#0", 0], "blocks that the log does not have"],
    [[5, -1, 1, "m/disk0#0", 0], "is not one"],
    [[5, 0, 0.5, "m/disk0#0", 0], "is not one"],
    [[5, 0, 1, 7, 0], "is not one"],
    [[5, 0, 1, "m/disk0#0"], "is not one"],
    [[5, 0, 1, "m/disk0#0", 0, 0], "is not one"],
  ];
  const reader = () =>
    new StateReader({
      page: () => block(0),
      learned: (id) => INPUTS.find((input) => input.id === id)?.bytes,
      blocksMax: 11,
    });
  for (const [row, message] of rows) {
    assertThrows(() => reader().read([0, row]), FormatError, message);
  }
  // Not within a list it is nothing at all.
  assertThrows(() => reader().read([5, 0, 1, "m/disk0#0", 0]), FormatError, "is not one");
  // Three times all of an input: more blocks than ever came in.
  const often = [0, ...Array(3).fill([5, 0, 4, "m/disk0#0", 0])];
  assertThrows(() => reader().read(often), FormatError, "blocks that the log does not have");
  assertEquals((reader().read(often.slice(0, 3)) as unknown[]).length, 16);
});
