/** Fetching one file whose sum is known: resumed after a break, checked, never half there. */
import { basename } from "@std/path";
import { HostFailure, MissingFromArchive } from "../failure.ts";
import { type Content, hostFailure, isIntact } from "./cache.ts";
import type { Report } from "./report.ts";

const ATTEMPTS = 3;
/** A server that says nothing for so long is taken as gone. */
const SILENCE_MS_MAX = 30_000;

/**
 * Brings `url` to `path`, unless `path` already holds it. What came before a break waits in
 * `path.part`, and the server is asked for the rest only (RFC 9110, 14).
 * Throws {@link MissingFromArchive} if the server has no such file, else {@link HostFailure}.
 */
export async function download(
  url: string,
  path: string,
  expected: Content,
  report: Report,
): Promise<void> {
  if (await isIntact(path, expected)) return;
  const label = basename(path);
  for (let attempt = 1;; attempt++) {
    try {
      const wasResumed = await fetchPart(url, `${path}.part`, expected, (done) => {
        report.progress(label, done, expected.sizeBytes);
      });
      if (await isIntact(`${path}.part`, expected)) break;
      await remove(`${path}.part`);
      if (!wasResumed) {
        throw new HostFailure(
          `${url} is not what the archive's signed index names: its SHA-256 differs; refused`,
        );
      }
      // Only the beginning, from an earlier run, was wrong.
      report.line(`${label}: the part from before was damaged; fetching it again`);
    } catch (error) {
      if (!(error instanceof Interrupted) || attempt === ATTEMPTS) {
        throw error instanceof Interrupted ? new HostFailure(error.message) : error;
      }
    }
  }
  try {
    await Deno.rename(`${path}.part`, path);
  } catch (error) {
    throw hostFailure(error, `cannot write ${path}`);
  }
}

/** Fetches a small text whole. Its size is bounded: nothing yet vouches for it. */
export async function fetchText(url: string, sizeBytesMax: number): Promise<string> {
  for (let attempt = 1;; attempt++) {
    try {
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      let sizeBytes = 0;
      await request(url, 0, (chunk) => {
        chunks.push(chunk.slice());
        if ((sizeBytes += chunk.length) > sizeBytesMax) {
          throw new HostFailure(`${url} is larger than ${sizeBytesMax} bytes; refused`);
        }
        return Promise.resolve();
      });
      return await new Blob(chunks).text();
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (attempt === ATTEMPTS) throw new HostFailure(error.message);
    }
  }
}

/** The network failed on the way: worth another attempt. */
class Interrupted extends Error {}

/** Adds to the part what is missing. Returns whether it began with something from before. */
async function fetchPart(
  url: string,
  part: string,
  expected: Content,
  progress: (done: number) => void,
): Promise<boolean> {
  const has = (await Deno.stat(part).catch(() => undefined))?.size ?? 0;
  let done = has < expected.sizeBytes ? has : 0;
  if (has === expected.sizeBytes) return true;
  let wasResumed = done > 0;
  const writing = `cannot write ${part}`;
  using file = await Deno.open(part, { write: true, create: true })
    .catch((error) => Promise.reject(hostFailure(error, writing)));
  const write = async (chunk: Uint8Array) => {
    if (done + chunk.length > expected.sizeBytes) {
      throw new HostFailure(
        `${url} is longer than the ${expected.sizeBytes} bytes that the archive's signed index names; refused`,
      );
    }
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
    done += chunk.length;
    progress(done);
  };
  const place = async (start: number) => {
    if (start !== done) wasResumed = false;
    done = start;
    if (start < has) await file.truncate(start);
    await file.seek(start, Deno.SeekMode.Start);
  };
  try {
    await request(url, done, write, place);
    await file.syncData();
  } catch (error) {
    if (error instanceof Interrupted) {
      throw new Interrupted(
        `${error.message} (${done} of ${expected.sizeBytes} bytes are kept; run it again to go on)`,
      );
    }
    throw hostFailure(error, writing);
  }
  if (done < expected.sizeBytes) {
    throw new Interrupted(`${url} ends early, after ${done} of ${expected.sizeBytes} bytes`);
  }
  return wasResumed;
}

/**
 * One GET. `start` is called with the offset at which the body begins: what was asked for, or 0 if
 * the server cannot resume.
 */
async function request(
  url: string,
  from: number,
  write: (chunk: Uint8Array<ArrayBuffer>) => Promise<void>,
  start: (offset: number) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error("no answer")), SILENCE_MS_MAX);
  };
  // Sums and ranges are of the file itself, so it must not be compressed on the way.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (from > 0) headers.range = `bytes=${from}-`;
  const outside = <T>(promise: Promise<T>) =>
    promise.catch((error) => {
      throw new Interrupted(`cannot reach ${url}: ${plain(error)}`);
    });
  alive();
  try {
    const response = await outside(fetch(url, { headers, signal: abort.signal }));
    const isRest = response.status === 206 &&
      response.headers.get("content-range")?.startsWith(`bytes ${from}-`) === true;
    if (response.status !== 200 && !isRest) {
      await response.body?.cancel();
      if (from > 0 && (response.status === 206 || response.status === 416)) {
        return await request(url, 0, write, start);
      }
      throw response.status >= 500
        ? new Interrupted(`${url}: the archive says ${response.status}`)
        : new (response.status === 404 ? MissingFromArchive : HostFailure)(
          `${url}: the archive says ${response.status} ${response.statusText}`.trim(),
        );
    }
    await start(isRest ? from : 0);
    const reader = response.body?.getReader();
    while (reader !== undefined) {
      const { done, value } = await outside(reader.read());
      if (done) break;
      alive();
      try {
        await write(value);
      } catch (error) {
        await reader.cancel().catch(() => {});
        throw error;
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

function plain(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return (cause?.message ?? message ?? String(error))
    .replace(/^error sending request for url \([^)]*\): /, "")
    .replaceAll(/\s*\n\s*/g, " ");
}

async function remove(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    throw hostFailure(error, `cannot remove ${path}`);
  });
}
