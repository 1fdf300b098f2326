/** Disk files: what they answer, and what they refuse to be. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { DiskRequest } from "../../../core/host.ts";
import { DiskFile, DiskFileError, errnoName } from "../../../devices/deno/disk_file.ts";

const MIB = 1 << 20;

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
  await withFile(2 * MIB, async (path) => {
    const disk = DiskFile.open(path, "overlay");
    const small = disk.serve(request({ operation: "read", offset: 512, sizeBytes: 1024 }));
    assert(!(small instanceof Promise));
    assertEquals(small, {
      error: undefined,
      bytes: Uint8Array.from({ length: 1024 }, (_, i) => i < 512 ? 1 : 2),
    });
    const large = await disk.serve(
      request({ operation: "read", offset: MIB, sizeBytes: MIB }),
    );
    assertEquals(large.bytes?.length, MIB);
    assertEquals(large.bytes, (await Deno.readFile(path)).slice(MIB));
    disk.close();
  });
});

Deno.test("DiskFile answers overlapping large reads each with its own data", async () => {
  await withFile(4 * MIB, async (path) => {
    const disk = DiskFile.open(path, "overlay");
    const whole = await Deno.readFile(path);
    const answers = await Promise.all(
      [0, 3, 1, 2, 0, 3].map(async (mebibyte) => {
        const read = request({ operation: "read", offset: mebibyte * MIB, sizeBytes: MIB });
        return { mebibyte, ...await disk.serve(read) };
      }),
    );
    for (const { mebibyte, bytes } of answers) {
      assertEquals(bytes, whole.slice(mebibyte * MIB, (mebibyte + 1) * MIB));
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
    for (const sizeBytes of [1024, MIB]) {
      const read = request({ operation: "read", sizeBytes });
      assertEquals(await disk.serve(read), { error: "EIO" });
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
    assertEquals(await disk.serve(write), { error: "ENOSPC" });
    disk.close();
  } finally {
    await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
});
