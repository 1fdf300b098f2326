/**
 * Finding packages in a Debian archive, from its signed index down: `InRelease` vouches for
 * `Packages`, and that for each package. Source: the repository format on wiki.debian.org.
 */
import { join } from "@std/path";
import {
  type IndexedFile,
  type Package,
  packageOf,
  paragraph,
  releaseFiles,
  signedText,
  withDependencies,
} from "../deb822.ts";
import { HostFailure, MissingFromArchive } from "../failure.ts";
import type { Manifest } from "./cache.ts";
import { decompressed } from "./deb.ts";
import { download, fetchText } from "./download.ts";
import type { Report } from "./report.ts";
import { checkSignature } from "./signature.ts";

export const DEFAULT_MIRROR = "http://deb.debian.org/debian";
const CODENAME = "trixie";
/** Under these names. While a mirror is being updated, the files of one may agree and the other's not. */
const SUITES = [CODENAME, "stable"];
/** By preference: the first is the smallest. */
const INDEXES = ["main/binary-riscv64/Packages.xz", "main/binary-riscv64/Packages.gz"];
const IN_RELEASE_BYTES_MAX = 16 << 20;

/** What is taken from the archive besides the kernel. */
export const PACKAGES = {
  firmware: "opensbi",
  busybox: "busybox-static",
  /** With everything that it needs: it runs in the guest. */
  diskTools: "e2fsprogs",
} as const;
/** Depends on the release's current kernel. */
const KERNEL_METAPACKAGE = "linux-image-riscv64";

type Resolved = Pick<Manifest, "release" | "kernel" | "packages">;

/** The packages that the archive offers now. `folder` takes the index while it is read. */
export async function resolvePackages(
  mirror: string,
  folder: string,
  report: Report,
): Promise<Resolved> {
  let failure: MissingFromArchive | undefined;
  for (const suite of SUITES) {
    try {
      return await resolveFrom(`${mirror}/dists/${suite}`, folder, report);
    } catch (error) {
      if (failure !== undefined) break; // the first one tells what is wrong
      if (!(error instanceof MissingFromArchive)) throw error;
      failure = error;
      report.line(`${error.message}; asking for it under another name`);
    }
  }
  throw failure;
}

async function resolveFrom(release: string, folder: string, report: Report): Promise<Resolved> {
  const inRelease = await fetchText(`${release}/InRelease`, IN_RELEASE_BYTES_MAX);
  await checkSignature(inRelease, report);
  const fields = paragraph(signedText(inRelease));
  if (fields.get("codename") !== CODENAME) {
    throw new HostFailure(
      `${release}/InRelease is of "${fields.get("codename")}", not ${CODENAME}`,
    );
  }
  const listed = releaseFiles(fields);
  const index = INDEXES.map((name) => listed.get(name)).find((one) => one !== undefined);
  if (index === undefined) throw new HostFailure(`${release}/InRelease lists no ${INDEXES[0]}`);
  // By its sum the index is the one that this release file names, even while a mirror updates.
  const path = fields.get("acquire-by-hash") === "yes"
    ? index.path.replace(/[^/]+$/, `by-hash/SHA256/${index.sha256}`)
    : index.path;
  const file = join(folder, index.path.replace(/^.*\//, ""));
  await download(`${release}/${path}`, file, index, report);
  const find = await readIndex(index.path, await Deno.readFile(file));

  const kernelName = find(KERNEL_METAPACKAGE)?.depends.flat()
    .find((name) => name.startsWith("linux-image-"));
  const kernel = kernelName === undefined ? undefined : find(kernelName);
  if (kernel === undefined) throw new HostFailure(`the archive has no ${KERNEL_METAPACKAGE}`);
  // The kernel and the firmware are only unpacked: what they depend on is of no use here.
  const alone = [PACKAGES.firmware, PACKAGES.busybox].map((name) => {
    const found = find(name);
    if (found === undefined) throw new HostFailure(`the archive has no package ${name}`);
    return found;
  });
  const packages = [kernel, ...alone, ...withDependencies([PACKAGES.diskTools], find)];
  await Deno.remove(file).catch(() => {});
  return {
    release: fields.get("version") ?? CODENAME,
    kernel: kernel.name,
    packages: packages.map(({ name, version, path, sizeBytes, sha256 }) => ({
      name,
      version,
      path,
      sizeBytes,
      sha256,
    })),
  };
}

/** Brings a package into `folder`, checked; returns its path there. */
export async function fetchPackage(
  mirror: string,
  folder: string,
  file: IndexedFile,
  report: Report,
): Promise<string> {
  const path = join(folder, file.path.replace(/^.*\//, ""));
  const url = `${mirror}/${file.path.split("/").map(encodeURIComponent).join("/")}`;
  await download(url.replaceAll("%2B", "+"), path, file, report);
  return path;
}

/** A look-up in a `Packages` index. Of some 65,000 paragraphs only those asked for are parsed. */
async function readIndex(
  path: string,
  packed: Uint8Array<ArrayBuffer>,
): Promise<(name: string) => Package | undefined> {
  const byName = new Map<string, string>();
  const providers = new Map<string, string>();
  const take = (text: string) => {
    const name = /^Package: *(.+)$/m.exec(text)?.[1];
    if (name === undefined) return;
    byName.set(name, text);
    for (const provided of /^Provides: *(.+)$/m.exec(text)?.[1].split(",") ?? []) {
      const virtual = provided.trim().replace(/[\s(:].*$/, "");
      if (!providers.has(virtual)) providers.set(virtual, name);
    }
  };
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of decompressed(path, packed)) {
    const texts = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = texts.pop()!;
    texts.forEach(take);
  }
  take(rest);
  return (name) => {
    const text = byName.get(name) ?? byName.get(providers.get(name) ?? "");
    return text === undefined ? undefined : packageOf(paragraph(text));
  };
}
