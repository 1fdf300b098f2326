/** A tiny Debian archive served on 127.0.0.1, and a machine that pretends to make the disk. */
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { GuestRun, PrepareOptions } from "../../../../guests/debian/deno/prepare.ts";
import type { Report } from "../../../../guests/debian/deno/report.ts";
import { APPLETS, ar, busyboxWith, bytesOf, kernelModule, tar, type TarMember } from "../build.ts";

/** What the server does wrong. */
export interface Faults {
  /** Serves no ranges: always the whole file. */
  noRange?: boolean;
  /** Closes the connection after so many bytes of the path that ends so; once. */
  breakAfter?: { path: string; bytes: number };
  /** Answers with these bytes instead. */
  replace?: Map<string, Uint8Array<ArrayBuffer>>;
}

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly faults: Faults;
  /** `GET /path` or `GET /path bytes=N-`, in order. */
  readonly requests: string[];
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
}

/** Serves files by path, with ranges unless told otherwise. */
export function serve(files: Map<string, Uint8Array<ArrayBuffer>>): Served {
  const faults: Faults = {};
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname).slice(1);
    const range = faults.noRange ? null : request.headers.get("range");
    requests.push(
      `/${path}${request.headers.has("range") ? ` ${request.headers.get("range")}` : ""}`,
    );
    const whole = faults.replace?.get(path) ?? files.get(path);
    if (whole === undefined) return new Response("no", { status: 404, statusText: "Not Found" });
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (from >= whole.length && from > 0) return new Response("", { status: 416 });
    const headers: Record<string, string> = { "content-length": `${whole.length - from}` };
    if (range !== null) {
      headers["content-range"] = `bytes ${from}-${whole.length - 1}/${whole.length}`;
    }
    let body: BodyInit = whole.subarray(from);
    const broken = faults.breakAfter;
    if (broken !== undefined && path.endsWith(broken.path)) {
      faults.breakAfter = undefined;
      body = new ReadableStream({
        start(controller) {
          controller.enqueue(whole.subarray(from, from + broken.bytes));
          setTimeout(() => controller.close(), 50);
        },
      });
    }
    return new Response(body, { status: range === null ? 200 : 206, headers });
  });
  const { port } = server.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    requests,
    files,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

export const KERNEL_PATH = "pool/main/l/linux/linux-image-6.1_1.0_riscv64.deb";

/** The archive's files. `sign` makes an `InRelease` of a release file. */
export async function fakeArchive(
  sign: (release: string) => Promise<string> = unsigned,
  version = "1.0",
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const paragraphs: string[] = [];
  const add = (name: string, fields: string, path: string, data: TarMember[], suffix = "") => {
    const plain = tar(data);
    const packed = suffix === ".gz" ? gzipSync(plain) : suffix ? zstdCompressSync(plain) : plain;
    const deb = ar([
      ["debian-binary", bytesOf("2.0\n")],
      ["control.tar", tar([])],
      [`data.tar${suffix}`, new Uint8Array(packed)],
    ]);
    files.set(path, deb);
    paragraphs.push(
      `Package: ${name}\nVersion: ${version}\n${fields}Filename: ${path}\nSize: ${deb.length}\n` +
        `SHA256: ${sha256(deb)}\n`,
    );
  };
  const modules = "usr/lib/modules/6.1/";
  const module = (path: string, ...lines: string[]): TarMember => ({
    name: `./${modules}kernel/${path}.ko`,
    bytes: kernelModule([`name=${path.replace(/^.*\//, "").replaceAll("-", "_")}`, ...lines]),
  });
  add("linux-image-riscv64", "Depends: linux-image-6.1 (= 1.0)\n", "pool/m/meta.deb", []);
  add("linux-image-6.1", "Depends: kmod, nowhere\n", KERNEL_PATH.replace("1.0", version), [
    { name: "./boot/vmlinux-6.1", bytes: bytesOf(`the kernel ${version}`.repeat(5000)) },
    {
      name: `./${modules}modules.builtin`,
      bytes: bytesOf("kernel/drivers/virtio/virtio_mmio.ko\n"),
    },
    { name: `./${modules}modules.builtin.modinfo`, bytes: bytesOf("virtio_mmio.license=GPL\0") },
    module("drivers/virtio_blk"),
    module("drivers/virtio_net", "depends=net_failover"),
    module("drivers/net_failover"),
    module("drivers/virtio-rng"),
    module("fs/ext4", "softdep=pre: crypto-crc32c"),
    module("crypto/crc32c_generic", "alias=crypto-crc32c"),
  ], ".zst");
  const opensbi = "./usr/lib/riscv64-linux-gnu/opensbi/generic/";
  add("opensbi", "", "pool/o/opensbi.deb", [
    { name: `${opensbi}fw_dynamic.bin`, bytes: bytesOf("dynamic") },
    { name: `${opensbi}fw_jump.bin`, bytes: bytesOf("jump") },
  ]);
  add("busybox-static", "", "pool/b/busybox-static_1+b9.deb", [
    { name: "./usr/bin/busybox", mode: 0o755, bytes: busyboxWith(APPLETS) },
  ], ".gz");
  add("e2fsprogs", "Pre-Depends: libc6\nDepends: virtual\n", "pool/e/e2fsprogs.deb", [
    { name: "./usr/sbin/mke2fs", mode: 0o755, bytes: bytesOf("mke2fs") },
  ]);
  add("libc6", "Provides: virtual\n", "pool/l/libc6.deb", [
    { name: "./usr/lib/riscv64-linux-gnu/libc.so.6", mode: 0o755, bytes: bytesOf("libc") },
  ]);

  const index = new Uint8Array(gzipSync(bytesOf(paragraphs.join("\n"))));
  files.set("dists/trixie/main/binary-riscv64/Packages.gz", index);
  const release = `Origin: Debian\nCodename: trixie\nVersion: 13.7\nSHA256:\n` +
    ` ${sha256(index)} ${index.length} main/binary-riscv64/Packages.gz`;
  files.set("dists/trixie/InRelease", bytesOf(await sign(release)));
  return files;
}

/** A signature that nobody can check. */
export function unsigned(release: string): Promise<string> {
  return Promise.resolve(
    `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${release}\n` +
      "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
  );
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Keeps what is reported. */
export function collectingReport(): Report & { readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, line: (text) => lines.push(text), progress: () => {} };
}

/** Writes what looks like an ext4 superblock with a journal. */
export async function pretendGuest(run: GuestRun): Promise<{ status: number; console: string }> {
  const superblock = new Uint8Array(1024);
  new DataView(superblock.buffer).setUint16(0x38, 0xef53, true);
  new DataView(superblock.buffer).setUint32(0x5c, 0x4, true);
  using file = await Deno.open(run.diskPath, { write: true });
  await file.seek(1024, Deno.SeekMode.Start);
  await file.write(superblock);
  return { status: 0, console: "" };
}

/** A cache folder of its own, and the environment as the preparation expects it. */
export async function withCache(
  keyring: string,
  body: (
    options: PrepareOptions & { cacheDir: string; report: { lines: string[] } },
  ) => Promise<void>,
  mirror: string,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("HINDSIGHT_KEYRING");
  Deno.env.set("HINDSIGHT_KEYRING", keyring);
  try {
    const report = collectingReport();
    await body({ cacheDir: `${folder}/cache`, mirror, report, runGuest: pretendGuest });
  } finally {
    if (before === undefined) Deno.env.delete("HINDSIGHT_KEYRING");
    else Deno.env.set("HINDSIGHT_KEYRING", before);
    await Deno.remove(folder, { recursive: true });
  }
}
