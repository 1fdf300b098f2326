/** Frames on a stream, however it is cut. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  FrameReader,
  STREAM_FRAME_BYTES_MAX,
  streamFrame,
} from "../../../devices/host/frame_stream.ts";

Deno.test("FrameReader reads what streamFrame wrote, in pieces of any size", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 20 });
  fc.assert(fc.property(sizes, fc.array(fc.integer({ min: 1, max: 5000 })), (sizes, cuts) => {
    const frames = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
    const stream = Uint8Array.from(frames.flatMap((frame) => [...streamFrame(frame)]));
    const reader = new FrameReader();
    const read: Uint8Array[] = [];
    let at = 0;
    for (const cut of [...cuts, stream.length]) {
      for (const frame of reader.feed(stream.subarray(at, at + cut))) read.push(frame.slice());
      at += cut;
    }
    assertEquals(read, frames);
  }));
});

Deno.test("streamFrame puts the length before the frame, big-endian", () => {
  // As QEMU 7.2's net_stream_receive does: htonl(size), then the bytes.
  assertEquals(streamFrame(Uint8Array.of(7, 8)), Uint8Array.of(0, 0, 0, 2, 7, 8));
  assertEquals(streamFrame(new Uint8Array(0x1234)).subarray(0, 4), Uint8Array.of(0, 0, 0x12, 0x34));
});

Deno.test("FrameReader refuses a length that no frame has, before it has the frame", () => {
  const read = (...bytes: number[]) => [...new FrameReader().feed(Uint8Array.from(bytes))];
  assertThrows(() => read(0, 1, 0x10, 1), RangeError, "a frame of 69633 bytes");
  assertThrows(() => read(0xff, 0xff, 0xff, 0xff), RangeError, "4294967295");
  assertEquals(read(0, 1, 0x10, 0), []);
  assertEquals(STREAM_FRAME_BYTES_MAX, 0x1_1000);
});

Deno.test("FrameReader survives garbage", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (pieces) => {
    const reader = new FrameReader();
    let fedBytes = 0;
    let readBytes = 0;
    try {
      for (const piece of pieces) {
        fedBytes += piece.length;
        for (const frame of reader.feed(piece)) readBytes += 4 + frame.length;
      }
    } catch (error) {
      assert(error instanceof RangeError, `${error}`);
    }
    assert(readBytes <= fedBytes);
  }));
});
