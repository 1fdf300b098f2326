/**
 * Reading a tar stream: ustar with the GNU (long names) and pax extensions.
 * Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual,
 * "Basic Tar Format".
 */
import { HostFailure } from "./failure.ts";

const BLOCK_BYTES = 512;
/** A name or a pax header is never this long; a damaged size must not take all memory. */
const EXTENSION_BYTES_MAX = 1 << 20;

/** One entry of the archive. */
export interface TarEntry {
  /** Without a leading `./` or `/` and without a trailing slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "other";
  /** Permission bits. */
  readonly mode: number;
  /** Where a `symlink` points; for a `link` the path in the archive, cleaned like `path`. */
  readonly target: string;
  /** Empty unless `file`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The entries of a tar stream for which `wanted` says yes, in their order; the bytes of others are
 * passed over and never held.
 * Throws {@link HostFailure} on a damaged archive or one cut short.
 */
export async function* tarEntries(
  stream: ReadableStream<Uint8Array>,
  wanted: (path: string) => boolean,
): AsyncGenerator<TarEntry> {
  const source = new ByteSource(stream);
  let longName: string | undefined;
  let longTarget: string | undefined;
  try {
    for (;;) {
      const header = await source.take(BLOCK_BYTES);
      if (header.every((byte) => byte === 0)) return await source.drain();
      checkSum(header);
      const type = String.fromCharCode(header[156]);
      let size = numberField(header, 124, 12);
      if ("LKxg".includes(type)) {
        if (size > EXTENSION_BYTES_MAX) throw new HostFailure("tar archive is damaged: long name");
        const extension = new TextDecoder().decode(await source.take(size));
        await source.skip(padding(size));
        if (type === "L") longName = extension.replace(/\0.*$/s, "");
        else if (type === "K") longTarget = extension.replace(/\0.*$/s, "");
        else if (type === "x") {
          const records = paxRecords(extension);
          longName = records.get("path") ?? longName;
          longTarget = records.get("linkpath") ?? longTarget;
          const paxSize = records.get("size");
          // The real size of the next entry; only files of 8 GiB and more need it.
          if (paxSize !== undefined) throw new HostFailure(`tar entry of ${paxSize} bytes`);
        }
        continue; // a global header ("g") says nothing that is used here
      }
      const kind = kindOf(type);
      if (kind !== "file") size = 0;
      const path = clean(longName ?? shortName(header));
      const target = longTarget ?? stringField(header, 157, 100);
      longName = longTarget = undefined;
      if (wanted(path)) {
        const bytes = await source.take(size);
        yield {
          path,
          type: kind,
          mode: numberField(header, 100, 8) & 0o7777,
          target: kind === "link" ? clean(target) : target,
          bytes,
        };
      } else await source.skip(size);
      await source.skip(padding(size));
    }
  } finally {
    await source.close();
  }
}

function kindOf(type: string): TarEntry["type"] {
  switch (type) {
    case "0":
    case "\0":
    case "7": // contiguous file: to be read as a file (POSIX)
      return "file";
    case "1":
      return "link";
    case "2":
      return "symlink";
    case "5":
      return "directory";
    default:
      return "other";
  }
}

/** `name`, with ustar's `prefix` before it. GNU's magic has no prefix there but times. */
function shortName(header: Uint8Array): string {
  const name = stringField(header, 0, 100);
  const isUstar = stringField(header, 257, 6) === "ustar";
  const prefix = isUstar ? stringField(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** `length key=value\n`, again and again; length counts itself. */
function paxRecords(text: string): Map<string, string> {
  const records = new Map<string, string>();
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(new TextDecoder().decode(bytes.subarray(at, space)));
    if (space < 0 || !(length > space - at + 1) || at + length > bytes.length) {
      throw new HostFailure("tar archive is damaged: pax header");
    }
    const record = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/** The sum of the header's bytes, its own field taken as spaces. */
function checkSum(header: Uint8Array): void {
  let sum = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i];
  if (sum !== numberField(header, 148, 8)) {
    throw new HostFailure("tar archive is damaged: header sum");
  }
}

function clean(path: string): string {
  return path.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
}

function stringField(header: Uint8Array, offset: number, sizeBytes: number): string {
  return new TextDecoder().decode(header.subarray(offset, offset + sizeBytes)).replace(
    /\0.*$/s,
    "",
  );
}

function numberField(header: Uint8Array, offset: number, sizeBytes: number): number {
  const digits = stringField(header, offset, sizeBytes).trim();
  if (!/^[0-7]*$/.test(digits)) throw new HostFailure("tar archive is damaged: number");
  return digits === "" ? 0 : parseInt(digits, 8);
}

function padding(sizeBytes: number): number {
  return -sizeBytes & (BLOCK_BYTES - 1);
}

/** Takes exact amounts out of a stream of chunks. */
class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async take(sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    for await (const part of this.#parts(sizeBytes)) parts.push(part.slice());
    if (parts.length === 1) return parts[0] as Uint8Array<ArrayBuffer>;
    const bytes = new Uint8Array(sizeBytes);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  async skip(sizeBytes: number): Promise<void> {
    for await (const _ of this.#parts(sizeBytes));
  }

  /** Reads to the end, so that whatever inflates the stream sees its own end too. */
  async drain(): Promise<void> {
    while (!(await this.#reader.read()).done);
  }

  /** Lets go of the stream; one that has failed already told so. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  async *#parts(sizeBytes: number): AsyncGenerator<Uint8Array> {
    for (let left = sizeBytes; left > 0;) {
      while (this.#chunk.length === 0) {
        const { done, value } = await this.#reader.read();
        if (done) throw new HostFailure("tar archive is cut short");
        this.#chunk = value as Uint8Array<ArrayBuffer>;
      }
      const part = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
