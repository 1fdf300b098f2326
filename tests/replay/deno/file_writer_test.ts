/** The thread that writes a recording: what comes first, and what happens when it cannot. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { RecordingError } from "../../../replay/deno/file_sink.ts";
import { FileWriter } from "../../../replay/deno/file_writer.ts";
import { ChunkFile, type ChunkSink } from "../../../replay/format/chunk_file.ts";
import { MemoryFile } from "../../../replay/format/codec.ts";
import { chunksOf } from "../format/mutations.ts";

const MIB = 2 ** 20;
const IMAGE = new Random(5).bytes(9 * MIB);
const START = {
  program: "test",
  machine: { harts: 1 },
  images: [{ role: "bios" as const, name: "noise", bytes: IMAGE }],
};

async function written(
  action: (writer: FileWriter) => void | Promise<void>,
): Promise<Uint8Array> {
  const path = await Deno.makeTempFile();
  const writer = new FileWriter(path);
  try {
    await action(writer);
    return await Deno.readFile(path);
  } finally {
    writer.close();
    await Deno.remove(path);
  }
}

const page = () => ({ type: "PAGE" as const, payload: IMAGE.slice(0, MIB) });
const log = (sink: ChunkSink, first: number, last: number) => {
  const chunks = (["BLOB", "LOG"] as const).map((type, n) => ({
    type,
    payload: new Uint8Array(1000).fill(first + n),
  }));
  sink.log(chunks, first, last);
};

Deno.test("FileWriter writes what ChunkFile writes", async () => {
  const action = (sink: ChunkSink) => {
    sink.start(START);
    for (let cycle = 0; cycle < 100; cycle++) log(sink, cycle, cycle + 1);
    sink.end(new Uint8Array(3), 100);
  };
  const file = new MemoryFile();
  action(new ChunkFile(file, codec));
  assertEquals(await written(action), file.bytes.slice());
});

Deno.test("FileWriter takes a payload in pieces, shared with its thread or not", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(3 * MIB));
  shared.set(IMAGE.subarray(0, 3 * MIB));
  const action = (sink: ChunkSink) => {
    sink.start({ ...START, images: [] });
    const own = [IMAGE.subarray(MIB, MIB + 700), IMAGE.slice(0, 500)];
    const seen = [shared.subarray(2 * MIB), shared.subarray(100, 700)];
    for (const payload of [own, seen, [...own, ...seen], []]) {
      sink.log([{ type: "BLOB", payload }, { type: "LOG", payload: own[1].slice() }], 0, 10);
    }
    assertEquals(own.map(({ length }) => length), [700, 500], "given away");
    sink.end(new Uint8Array(3), 10);
  };
  const file = new MemoryFile();
  action(new ChunkFile(file, codec));
  assertEquals(await written(action), file.bytes.slice());
});

Deno.test("FileWriter holds what it was given to hold until it is written, whatever becomes of it", async () => {
  const action = (sink: ChunkSink) => {
    sink.start({ ...START, images: [] });
    const frame = new Uint8Array(50_000);
    for (let cycle = 0; cycle < 100; cycle++) {
      const payload = [1, 2, 3].map((n) => {
        frame.fill(cycle + n);
        return sink.hold?.(frame) ?? frame.slice();
      });
      sink.log(
        [{ type: "BLOB", payload }, { type: "LOG", payload: Uint8Array.of(1) }],
        cycle,
        cycle + 1,
      );
    }
    sink.end(new Uint8Array(3), 100);
  };
  const file = new MemoryFile();
  action(new ChunkFile(file, codec));
  assertEquals(await written(action), file.bytes.slice());
});

Deno.test("a log does not wait for a checkpoint, whose chunks stay together", async () => {
  const bytes = await written((writer) => {
    writer.start({ ...START, images: [] });
    for (let n = 0; n < 32; n++) writer.aside(page());
    writer.aside({ type: "CKPT", payload: new Uint8Array(16) });
    log(writer, 0, 10);
    writer.end(new Uint8Array(3), 10);
  });
  const pages = Array.from({ length: 32 }, () => "PAGE");
  const chunks = chunksOf(bytes);
  const types = ["HEAD", "BLOB", "LOG", ...pages, "CKPT", "END", "INDX"];
  assertEquals(chunks.map(({ type }) => type), types);
  for (const { type, firstCycle, lastCycle } of chunks) {
    if (type === "PAGE") assertEquals([firstCycle, lastCycle], [10, 10]);
  }
});

Deno.test("memory given aside may be used again once its checkpoint is in the file", async () => {
  const action = async (sink: ChunkSink) => {
    // Noise is written from where it lies: it must not change before.
    const memory = new Uint8Array(new SharedArrayBuffer(MIB));
    sink.start({ ...START, images: [] });
    for (let round = 0; round < 20; round++) {
      memory.set(new Random(round).bytes(MIB));
      for (let at = 0; at < MIB; at += MIB / 4) {
        sink.aside({ type: "PAGE", payload: [memory.subarray(at, at + MIB / 4)] });
      }
      sink.aside({ type: "CKPT", payload: new Uint8Array(16) });
      const isWritten = sink.written?.() ?? (() => true);
      while (!isWritten()) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    log(sink, 0, 10);
    sink.end(new Uint8Array(3), 10);
  };
  const file = new MemoryFile();
  await action(new ChunkFile(file, codec));
  assertEquals(await written(action), file.bytes.slice());
});

Deno.test("FileWriter holds back the machine, not the memory of the host", async () => {
  let most = 0;
  const bytes = await written((writer) => {
    writer.start({ ...START, images: [] });
    for (let n = 0; n < 200; n++) {
      writer.aside({ type: "PAGE", payload: new Uint8Array(4 * MIB) });
      most = Math.max(most, writer.pendingBytes("given"));
    }
    writer.aside({ type: "CKPT", payload: new Uint8Array(16) });
    writer.end(new Uint8Array(3), 0);
  });
  assert(most <= 64 * MIB, `${most} bytes were waiting`);
  assert(bytes.length > 0);
});

Deno.test("FileWriter lets a checkpoint in shared memory wait, but not any number of them", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(64 * MIB));
  const pages = Array.from({ length: 24 }, () => ({ type: "PAGE" as const, payload: shared }));
  let most = 0;
  const bytes = await written((writer) => {
    writer.start({ ...START, images: [] });
    for (const chunk of pages) {
      writer.aside(chunk);
      most = Math.max(most, writer.pendingBytes("pages"));
    }
    writer.aside({ type: "CKPT", payload: new Uint8Array(16) });
    log(writer, 0, 10);
    writer.end(new Uint8Array(3), 10);
    // Both threads have counted alike.
    assertEquals([writer.pendingBytes("pages"), writer.pendingBytes("given")], [0, 0]);
  });
  assert(most > 64 * MIB && most <= 1024 * MIB, `${most} bytes were waiting`);
  assertEquals(chunksOf(bytes).filter(({ type }) => type === "PAGE").length, pages.length);
});

Deno.test("a full disk ends a recording at the next part", () => {
  const writer = new FileWriter("/dev/full");
  const message = "cannot write the recording /dev/full: no space left on the disk";
  assertThrows(
    () => {
      writer.start(START);
      for (let cycle = 0;; cycle++) log(writer, cycle, cycle + 1);
    },
    RecordingError,
    message,
  );
  assertThrows(() => writer.isDue(), RecordingError, message);
  assertThrows(() => writer.end(new Uint8Array(3), 1), RecordingError, message);
  writer.close();
});

Deno.test("a folder that does not exist is refused before anything runs", () => {
  const writer = new FileWriter("/nowhere/x.hsr");
  assertThrows(() => writer.start(START), RecordingError, "no such folder");
  writer.close();
});
