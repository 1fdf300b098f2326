/** The folder in which the prepared guest is kept, and the sums by which damage is noticed. */
import { join } from "@std/path";
import { createHash } from "node:crypto";
import { z } from "zod";
import { HostFailure } from "../failure.ts";

const CHUNK_BYTES = 1 << 20;

const Content = z.object({ sizeBytes: z.number().int().min(0), sha256: z.string() });

/** What a file must hold. */
export type Content = z.infer<typeof Content>;

const Manifest = z.object({
  version: z.literal(1),
  /** Digest of everything in our own sources that shapes the outputs. */
  recipe: z.string(),
  /** The archive's point release, such as `13.7`. */
  release: z.string(),
  /** The `linux-image` package among `packages`. */
  kernel: z.string(),
  packages: z.array(Content.extend({ name: z.string(), version: z.string(), path: z.string() })),
  /** The outputs that are finished, by name. */
  files: z.record(z.string(), Content),
});

/** What the cache should hold: the packages that the archive's index named, and the outputs. */
export type Manifest = z.infer<typeof Manifest>;

/**
 * The folder for the Debian guest: `HINDSIGHT_CACHE`, or `hindsight/debian` in the user's cache folder.
 * Source: XDG Base Directory Specification; Apple, File System Programming Guide; Windows known folders.
 */
export function cacheFolder(): string {
  const set = Deno.env.get("HINDSIGHT_CACHE");
  if (set) return set;
  const home = Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  const local = Deno.env.get("LOCALAPPDATA");
  let base: string | undefined;
  if (Deno.build.os === "windows") base = local || (home && join(home, "AppData", "Local"));
  else if (Deno.build.os === "darwin") base = home && join(home, "Library", "Caches");
  else base = xdg?.startsWith("/") ? xdg : home && join(home, ".cache");
  if (!base) throw new HostFailure("no cache folder: set HINDSIGHT_CACHE to one");
  return join(base, "hindsight", "debian");
}

/** Where something is kept that costs only time to make anew; `undefined` if there is no cache folder. */
export function cachePath(name: string): string | undefined {
  try {
    return join(cacheFolder(), name);
  } catch (error) {
    if (error instanceof HostFailure) return undefined;
    throw error;
  }
}

/** The manifest of a cache; `undefined` if there is none that can be read. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return Manifest.parse(JSON.parse(await Deno.readTextFile(join(folder, "manifest.json"))));
  } catch (error) {
    // A damaged manifest is no manifest: everything it said is checked or made again.
    if (
      error instanceof Deno.errors.NotFound || error instanceof SyntaxError ||
      error instanceof z.ZodError
    ) return undefined;
    throw hostFailure(error, `cannot read the cache ${folder}`);
  }
}

/** Replaces the manifest. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = JSON.stringify(manifest, undefined, 2) + "\n";
  await writeAtomically(join(folder, "manifest.json"), new TextEncoder().encode(text));
}

/** Writes a file whole or not at all: beside it first, flushed, then renamed over it. */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<Content> {
  const temporary = `${path}.${Deno.pid}.new`;
  try {
    using file = await Deno.open(temporary, { write: true, create: true, truncate: true });
    for (let at = 0; at < bytes.length;) {
      at += await file.write(bytes.subarray(at, at + CHUNK_BYTES));
    }
    await file.syncData();
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw hostFailure(error, `cannot write ${path}`);
  }
  return { sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Size and sum of a file; `undefined` if there is no such file. */
export async function contentOf(path: string): Promise<Content | undefined> {
  try {
    using file = await Deno.open(path);
    const hash = createHash("sha256");
    const chunk = new Uint8Array(CHUNK_BYTES);
    let sizeBytes = 0;
    for (let n = await file.read(chunk); n !== null; n = await file.read(chunk)) {
      hash.update(chunk.subarray(0, n));
      sizeBytes += n;
    }
    return { sizeBytes, sha256: hash.digest("hex") };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw hostFailure(error, `cannot read ${path}`);
  }
}

/** Whether the file is there and holds just that. */
export async function isIntact(path: string, expected: Content): Promise<boolean> {
  const size = (await Deno.stat(path).catch(() => undefined))?.size;
  return size === expected.sizeBytes && (await contentOf(path))?.sha256 === expected.sha256;
}

/** Makes one clear line of an error of the operating system; leaves a {@link HostFailure} alone. */
export function hostFailure(error: unknown, what: string): HostFailure {
  if (error instanceof HostFailure) return error;
  const { code, message } = error as { code?: string; message?: string };
  const reason = REASONS[code ?? ""] ?? message ?? String(error);
  return new HostFailure(`${what}: ${reason.replaceAll(/\s*\n\s*/g, " ")}`, { cause: error });
}

const REASONS: Record<string, string> = {
  ENOSPC: "no space left on the disk (the Debian guest needs 260 MB)",
  EDQUOT: "the disk quota is used up (the Debian guest needs 260 MB)",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
};
