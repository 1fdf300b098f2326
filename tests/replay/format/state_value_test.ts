/** Saved states in CBOR: blocks of disks that the log has stand there once. */
import { assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { decodeCbor, encodeCbor } from "../../../replay/format/cbor.ts";
import { FormatError } from "../../../replay/format/codec.ts";
import { LearnedBytes, LearnedInputs } from "../../../replay/format/learned_bytes.ts";
import { StateReader, stateToCbor } from "../../../replay/format/state_value.ts";

const BLOCK = 4096;
const random = new Random(5);
const memory = random.bytes(20 * BLOCK + 100);
const block = (n: number, from = memory) => from.subarray(n * BLOCK, (n + 1) * BLOCK);

/** Inputs of 4, 1 and 6 blocks: positions 0, 4 and 5 blocks on. Before the last lie bytes of nobody. */
const INPUTS = [
  memory.subarray(0, 4 * BLOCK),
  block(4),
  memory.subarray(6 * BLOCK, 12 * BLOCK),
];

/** A list as a file has it, as it is read back, and how many blocks became pages. */
function through(list: readonly (number | Uint8Array)[], inputs = INPUTS) {
  const learned = new LearnedBytes();
  for (const bytes of inputs) learned.add(bytes);
  const pages: Uint8Array[] = [];
  const places = {
    pageOf: (bytes: Uint8Array) => bytes.length === BLOCK ? pages.push(bytes) - 1 : undefined,
    positionOf: (bytes: Uint8Array) => learned.find(bytes),
  };
  const [cbor] = decodeCbor(encodeCbor([stateToCbor(list, places)]), "a state") as unknown[];
  const reader = new StateReader((number) => pages[number], new LearnedInputs(inputs));
  return { cbor, list: reader.read(cbor), pages: pages.length };
}

Deno.test("blocks that came in one after the other are one item, whatever brought them", () => {
  const list = [7, block(1), 8, block(2), 9, block(3), 10, block(4), 11, block(6), 12, block(7)];
  const { cbor, list: read, pages } = through(list);
  assertEquals([cbor, pages], [[0, [5, 7, 6, BLOCK]], 0]);
  assertEquals(read, list);
});

Deno.test("an item ends where numbers or what came in do", () => {
  const apart = random.bytes(BLOCK);
  const list = [
    ...[2, block(1), 3, block(2), 5, block(3)], // a number is left out
    ...[6, block(6), 7, block(8), 8, block(7)], // not as they came
    ...[10, apart, 11, block(5), 12, block(11), 13, block(12)], // of nobody; the last is beyond
  ];
  const { cbor, list: read, pages } = through(list);
  assertEquals(cbor, [
    0,
    [5, 2, 2, BLOCK],
    [5, 5, 1, 3 * BLOCK],
    [5, 6, 1, 5 * BLOCK],
    [5, 7, 1, 7 * BLOCK],
    [5, 8, 1, 6 * BLOCK],
    ...[10, [4, 0], 11, [4, 1]],
    [5, 12, 1, 10 * BLOCK],
    ...[13, [4, 2]],
  ]);
  assertEquals([read, pages], [list, 3]);
});

Deno.test("inputs that come in any order of memory are found", () => {
  const list = [0, block(0), 1, block(4), 2, block(6), 3, block(7)];
  const { cbor, list: read } = through(list, INPUTS.toReversed());
  assertEquals(cbor, [0, [5, 0, 1, 7 * BLOCK], [5, 1, 1, 6 * BLOCK], [5, 2, 2, 0]]);
  assertEquals(read, list);
});

Deno.test("a block that no input has as a whole is a page, and one of half an input before it is found", () => {
  const inputs = [memory.subarray(0, BLOCK + 100), block(4)];
  const list = [0, block(0), 1, block(1), 2, block(4)];
  const { cbor, list: read } = through(list, inputs);
  assertEquals(cbor, [0, [5, 0, 1, 0], 1, [4, 0], [5, 2, 1, BLOCK + 100]]);
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
    [[5, 0, 1, 11 * BLOCK], "blocks that the log does not have"],
    [[5, 0, 1, 2 ** 53 - 1], "blocks that the log does not have"],
    [[5, 0, 2, 10 * BLOCK], "blocks that the log does not have"],
    [[5, 0, 1, 3 * BLOCK + 1], "blocks that the log does not have"], // in two inputs
    [[5, 0, 12, 0], "blocks that the log does not have"],
    [[5, 0, 2 ** 53 - 1, 0], "blocks that the log does not have"],
    [[5, 2 ** 53 - 1, 1, 0], "blocks that the log does not have"],
    [[5, -1, 1, 0], "is not one"],
    [[5, 0, 0.5, 0], "is not one"],
    [[5, 0, 1, "0"], "is not one"],
    [[5, 0, 1], "is not one"],
    [[5, 0, 1, 0, 0], "is not one"],
  ];
  const reader = () => new StateReader(() => block(0), new LearnedInputs(INPUTS));
  for (const [row, message] of rows) {
    assertThrows(() => reader().read([0, row]), FormatError, message);
  }
  // Not within a list it is nothing at all.
  assertThrows(() => reader().read([5, 0, 1, 0]), FormatError, "is not one");
  // All that came in, and one block of it again: more than there is.
  const often = [0, [5, 0, 11, 0], [5, 20, 1, 0]];
  assertThrows(() => reader().read(often), FormatError, "blocks that the log does not have");
  assertEquals((reader().read(often.slice(0, 2)) as unknown[]).length, 22);
  const none = new StateReader(() => block(0), new LearnedInputs([]));
  assertThrows(() => none.read([0, [5, 0, 1, 0]]), FormatError, "that the log does not have");
});
