/** Opening Debian packages without Debian's tools. Source: deb(5). */
import xz from "xz-decompress";
import type { Buffer } from "node:buffer";
import { zstdDecompressSync } from "node:zlib";
import { arMembers } from "../ar.ts";
import { HostFailure } from "../failure.ts";
import { tarEntries, type TarEntry } from "../tar.ts";

const CHUNK_BYTES = 1 << 20;

/** The files of a package for which `wanted` says yes, in the package's order. */
export async function* debEntries(
  deb: Uint8Array<ArrayBuffer>,
  wanted: (path: string) => boolean,
): AsyncGenerator<TarEntry> {
  const data = arMembers(deb).find(({ name }) => name.startsWith("data.tar"));
  if (data === undefined) throw new HostFailure("not a Debian package: no data.tar in it");
  yield* tarEntries(decompressed(data.name, data.bytes), wanted);
}

/** The whole content of a file that may be compressed, as its name tells. */
export async function decompress(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(decompressed(name, bytes)).arrayBuffer());
}

/**
 * The same, as a stream, to be read to its end: the xz library holds its decoder until then, and a
 * second one waits. Reading it throws {@link HostFailure} if the data is damaged.
 */
export function decompressed(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = inflate(name, bytes).getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        throw new HostFailure(`${name} is damaged: ${(error as Error).message}`);
      }
    },
    async cancel(reason) {
      await reader.cancel(reason).catch(() => {});
    },
  });
}

function inflate(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (name.endsWith(".xz")) {
    return new xz.XzReadableStream(streamOf(bytes)) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }
  if (name.endsWith(".zst")) {
    return new ReadableStream({
      pull(controller) {
        const plain: Buffer = zstdDecompressSync(bytes);
        controller.enqueue(new Uint8Array(plain));
        controller.close();
      },
    });
  }
  if (name.endsWith(".gz")) {
    return streamOf(bytes).pipeThrough(new DecompressionStream("gzip"));
  }
  return streamOf(bytes);
}

function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.subarray(at, at += CHUNK_BYTES));
      else controller.close();
    },
  });
}
