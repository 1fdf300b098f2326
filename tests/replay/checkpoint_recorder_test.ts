/** What a stored checkpoint says of pages that hold what they held at reset. */
import { assertEquals } from "@std/assert";
import { DRAM } from "../../core/hart/layout.ts";
import { CheckpointRecorder, type Snapshot } from "../../replay/checkpoint_recorder.ts";
import { decodeCbor } from "../../replay/format/cbor.ts";
import { CHECKPOINT_HEAD_BYTES, CheckpointWriter } from "../../replay/format/checkpoint_writer.ts";
import { whole } from "../../replay/format/pieces.ts";
import { piecesOf } from "../../replay/format/chunk_file.ts";
import { Player } from "../../replay/player.ts";
import { buildOf, POCKET } from "./machines.ts";

const PAGE_BYTES = 4096;
/** Beyond what pocket consists of. */
const FREE = 3000;

Deno.test("a page of which nothing is left is stored as one at reset, unless it was loaded", async () => {
  const machine = await buildOf(POCKET)(new Player({ entries: [] }), () => {});
  const rows: unknown[] = [];
  const taken: Snapshot[] = [];
  const writer = new CheckpointWriter(({ type, payload }) => {
    if (type !== "CKPT") return;
    const content = whole(piecesOf(payload)).subarray(CHECKPOINT_HEAD_BYTES);
    rows.push((decodeCbor(content, "a checkpoint") as unknown[])[0]);
  });
  let allocated = 0;
  const recorder = new CheckpointRecorder(machine, {
    checkpoint: (snapshot) => {
      taken.push(snapshot);
      writer.write(snapshot);
    },
  }, {
    gap: 0,
    spacing: 0,
    allocate: (sizeBytes) => {
      allocated++;
      return new Uint8Array(sizeBytes).fill(0xee);
    },
  });
  const fill = (page: number, byte: number) =>
    machine.memory.write(DRAM + page * PAGE_BYTES, new Uint8Array(PAGE_BYTES).fill(byte));
  const stored = () => [...taken.at(-1)!.pages].map(([page, it]) => [page, it?.bytes[0]]);

  fill(FREE, 1);
  fill(FREE + 1, 0);
  recorder.digested();
  assertEquals(stored(), [[FREE, 1], [FREE + 1, undefined]]);
  assertEquals(allocated, 1);
  fill(FREE, 0);
  fill(FREE + 1, 2);
  recorder.digested();
  assertEquals(stored(), [[FREE, undefined], [FREE + 1, 2]]);
  fill(0, 0); // pocket is there
  fill(FREE + 1, 0);
  recorder.digested();
  assertEquals(stored(), [[0, 0], [FREE + 1, undefined]]);
  assertEquals(rows, [[[FREE, 1, 0]], [[FREE + 1, 1, 1]], [[0, 1, 2]]]);
});

Deno.test("the memory of a snapshot's pages is used again once they are in the file, not before", async () => {
  const machine = await buildOf(POCKET)(new Player({ entries: [] }), () => {});
  const taken: { readonly snapshot: Snapshot; isWritten: boolean }[] = [];
  let allocated = 0;
  const recorder = new CheckpointRecorder(machine, {
    checkpoint: (snapshot) => {
      const one = { snapshot, isWritten: false };
      taken.push(one);
      return () => one.isWritten;
    },
  }, {
    gap: 0,
    spacing: 0,
    allocate: (sizeBytes) => {
      allocated++;
      return new Uint8Array(sizeBytes).fill(0xee);
    },
  });
  const take = (byte: number) => {
    for (const page of [FREE, FREE + 1]) {
      machine.memory.write(DRAM + page * PAGE_BYTES, new Uint8Array(PAGE_BYTES).fill(byte));
    }
    recorder.digested();
  };
  const held = (index: number) => [...taken[index].snapshot.pages.values()].map((it) => it?.bytes);
  const page = (byte: number) => new Uint8Array(PAGE_BYTES).fill(byte);
  take(1);
  take(2);
  assertEquals(allocated, 4);
  taken[1].isWritten = true; // the first one, which was given before it, is not
  take(3);
  assertEquals(allocated, 6);
  for (const index of [0, 1, 2]) assertEquals(held(index), [page(index + 1), page(index + 1)]);
  taken[0].isWritten = true;
  take(4);
  take(5);
  assertEquals(allocated, 6);
  assertEquals(held(2), [page(3), page(3)]);
  assertEquals(held(3), [page(4), page(4)]);
  assertEquals(held(4), [page(5), page(5)]);
  take(6);
  assertEquals(allocated, 8);
});
