/** Disk files: what they answer, and what they refuse to be. */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { DiskRequest } from "../../../core/host.ts";
import {
  type DiskAnswer,
  DiskFile,
  DiskFileError,
  errnoName,
  IMMEDIATE_BYTES_MAX,
} from "../../../devices/deno/disk_file.ts";

const MIB = 1 << 20;
const LARGE = IMMEDIATE_BYTES_MAX + 4096;

async function withFile(sizeBytes: number, run: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, Uint8Array.from({ length: sizeBytes }, (_, i) => i >> 9));
    await run(path);
  } finally {
    await Deno.remove(path);
  }
}

function request(fields: Partial<DiskRequest> & Pick<DiskRequest, "operation">): DiskRequest {
  return { kind: "disk", request: 0, offset: 0, sizeBytes: 0, due: undefined, ...fields };
}

Deno.test("DiskFile reads a small range at once and a large one later", async () => {
  await withFile(MIB + LARGE, async (path) => {
    const disk = DiskFile.open(path, "overlay");
    const small = disk.serve(request({ operation: "read", offset: 512, sizeBytes: 1024 }));
    assert(!(small instanceof Promise));
    assertEquals(small, {
      error: undefined,
      bytes: Uint8Array.from({ length: 1024 }, (_, i) => i < 512 ? 1 : 2),
    });
    const large = disk.serve(request({ operation: "read", offset: MIB, sizeBytes: LARGE }));
    assert(large instanceof Promise);
    const { bytes } = await large;
    assert(bytes && Buffer.compare(bytes, (await Deno.readFile(path)).subarray(MIB)) === 0);
    disk.close();
  });
});

Deno.test("DiskFile answers overlapping large reads each with its own data", async () => {
  await withFile(3 * MIB + LARGE, async (path) => {
    const disk = DiskFile.open(path, "overlay");
    const whole = await Deno.readFile(path);
    const answers = await Promise.all(
      [0, 3, 1, 2, 0, 3].map(async (mebibyte) => {
        const offset = mebibyte * MIB;
        const answer = disk.serve(request({ operation: "read", offset, sizeBytes: LARGE }));
        assert(answer instanceof Promise);
        return { offset, bytes: (await answer).bytes };
      }),
    );
    for (const { offset, bytes } of answers) {
      assert(bytes && Buffer.compare(bytes, whole.subarray(offset, offset + LARGE)) === 0);
    }
    disk.close();
  });
});

Deno.test("DiskFile writes to the file in through mode alone", async () => {
  const bytes = new Uint8Array(512).fill(0xaa);
  const write = request({ operation: "write", offset: 1024, sizeBytes: 512, bytes });
  await withFile(4096, async (path) => {
    const before = await Deno.readFile(path);
    const overlay = DiskFile.open(path, "overlay");
    assertEquals(await overlay.serve(write), { error: undefined });
    assertEquals(await overlay.serve(request({ operation: "flush" })), { error: undefined });
    overlay.close();
    assertEquals(await Deno.readFile(path), before);

    const through = DiskFile.open(path, "through");
    assertEquals(await through.serve(write), { error: undefined });
    assertEquals(await through.serve(request({ operation: "flush" })), { error: undefined });
    through.close();
    before.set(bytes, 1024);
    assertEquals(await Deno.readFile(path), before);
  });
});

Deno.test("DiskFile answers EIO once the file has become shorter", async () => {
  await withFile(2 * MIB, async (path) => {
    const disk = DiskFile.open(path, "overlay");
    await Deno.truncate(path, 512);
    for (const sizeBytes of [1024, LARGE]) {
      const read = request({ operation: "read", request: 7, sizeBytes });
      const { error, bytes, events } = await disk.serve(read);
      assertEquals([error, bytes], ["EIO", undefined]);
      assertEquals(events, [{
        event: "io-error",
        request: 7,
        error: "EIO",
        offset: 0,
        text: `read of ${sizeBytes} bytes at 0: the file ends at byte 512`,
        bytes: new Uint8Array(512),
      }]);
    }
    disk.close();
  });
});

Deno.test("DiskFile refuses what cannot be a disk, in one line", async () => {
  await withFile(1000, (path) => {
    const { message } = assertThrows(() => DiskFile.open(path, "overlay"), DiskFileError);
    assertEquals(message, `${path}: a disk has a multiple of 512 bytes, this file has 1000`);
    return Promise.resolve();
  });
  await withFile(0, (path) => {
    assertThrows(() => DiskFile.open(path, "ro"), DiskFileError, "this file has 0");
    return Promise.resolve();
  });
  assertThrows(() => DiskFile.open("/tmp", "ro"), DiskFileError, "/tmp: is a directory");
  assertThrows(() => DiskFile.open("/tmp", "through"), DiskFileError, "EISDIR");
  assertThrows(() => DiskFile.open("/dev/null", "ro"), DiskFileError, "not a regular file");
  assertThrows(() => DiskFile.open("/nowhere/x", "ro"), DiskFileError, "ENOENT");
});

Deno.test("errnoName names the host's errors as errno.h does", () => {
  assertEquals(errnoName(Object.assign(new Error(), { code: "ENOSPC" })), "ENOSPC");
  assertEquals(errnoName(new Error("?")), "EIO");
});

Deno.test("DiskFile answers a write to a full device with ENOSPC", async () => {
  const folder = await Deno.makeTempDir();
  const mount = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder],
    stderr: "null",
  }).output().catch(() => undefined);
  if (!mount?.success) {
    await Deno.remove(folder);
    console.log("ignored: needs the right to mount a tmpfs (run as root)");
    return;
  }
  try {
    const path = `${folder}/disk`;
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, MIB);
    const disk = DiskFile.open(path, "through");
    const bytes = new Uint8Array(128 * 1024).fill(1);
    const write = request({ operation: "write", sizeBytes: bytes.length, bytes });
    const { error, events } = await disk.serve(write);
    assertEquals([error, events?.[0].event, events?.[0].error], ["ENOSPC", "io-error", "ENOSPC"]);
    assertEquals(events?.[0].text, "write of 131072 bytes at 0: ENOSPC");
    disk.close();
  } finally {
    await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
});

const changes = (answer: DiskAnswer) =>
  (answer.events ?? []).map(({ event, offset, bytes }) => [event, offset, bytes]);

Deno.test("DiskFile tells of blocks that are others when it reads them again", async () => {
  await withFile(2 * MIB, async (path) => {
    const disk = DiskFile.open(path, "overlay");
    const read = (offset: number, sizeBytes: number) =>
      Promise.resolve(disk.serve(request({ operation: "read", offset, sizeBytes })));
    assertEquals(changes(await read(0, 8 * 4096)), []);
    const file = Deno.openSync(path, { write: true });
    const block = new Uint8Array(4096).fill(0xee);
    for (const number of [1, 2, 6, 100]) {
      file.seekSync(number * 4096, Deno.SeekMode.Start);
      file.writeSync(block);
    }
    file.close();
    const both = new Uint8Array(8192).fill(0xee);
    const answer = await read(4096, 2 * 4096);
    assertEquals(answer.bytes, both);
    assertEquals(changes(answer), [["image-changed", 4096, both]]);
    assertEquals(changes(await read(4096, 2 * 4096)), []);
    // Block 100 was not read before, and of block 6 only a part is read.
    assertEquals(changes(await read(100 * 4096, 4096)), []);
    assertEquals(changes(await read(6 * 4096, 512)), []);
    assertEquals(changes(await read(0, MIB)), [["image-changed", 6 * 4096, block]]);
    disk.close();
  });
});

Deno.test("DiskFile looks again at what was read once the file's time of change differs", async () => {
  await withFile(2 * MIB, async (path) => {
    let nowMs = 0;
    const disk = DiskFile.open(path, "overlay", { nowMs: () => nowMs });
    const read = request({ operation: "read", offset: 0, sizeBytes: MIB });
    await disk.serve(read);
    await Deno.writeFile(path, new Uint8Array(2 * MIB).fill(0xee));
    await Deno.utime(path, 1, 1);
    const elsewhere = request({ operation: "read", offset: 1.5 * MIB, sizeBytes: 4096 });
    assertEquals(changes(await disk.serve(elsewhere)), []); // so soon it does not look
    nowMs = 1500;
    const found = changes(await disk.serve(elsewhere));
    const run = new Uint8Array(64 * 4096).fill(0xee);
    assertEquals(found, [0, 1, 2, 3].map((n) => ["image-changed", n * run.length, run]));
    nowMs = 3000;
    assertEquals(changes(await disk.serve(elsewhere)), []);
    disk.close();
  });
});

Deno.test("DiskFile takes what the guest writes through for no change", async () => {
  await withFile(MIB, async (path) => {
    let nowMs = 0;
    const disk = DiskFile.open(path, "through", { nowMs: () => nowMs });
    const read = request({ operation: "read", sizeBytes: 64 * 1024 });
    await disk.serve(read);
    const bytes = new Uint8Array(4096).fill(0xee);
    await disk.serve(request({ operation: "write", offset: 512, sizeBytes: 4096, bytes }));
    nowMs = 1500;
    assertEquals(changes(await disk.serve(read)), []);
    disk.close();
  });
});
