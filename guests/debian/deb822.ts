/**
 * The index of a Debian archive: paragraphs of fields, the release file, dependencies.
 * Source: deb822(5); Debian Policy 7.1 (relationships); the repository format on wiki.debian.org.
 */
import { HostFailure } from "./failure.ts";

/** A paragraph: field names in lower case. */
export type Paragraph = ReadonlyMap<string, string>;

/** A file as an index names it. */
export interface IndexedFile {
  /** Relative to the index (release) or to the archive's root (package). */
  readonly path: string;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface Package extends IndexedFile {
  readonly name: string;
  readonly version: string;
  /** `Pre-Depends` and `Depends`: one list of alternatives for each need. */
  readonly depends: readonly (readonly string[])[];
  readonly provides: readonly string[];
}

/** One paragraph. A continued line begins with a space; it keeps its line break. */
export function paragraph(text: string): Paragraph {
  const fields = new Map<string, string>();
  let name = "";
  for (const line of text.split("\n")) {
    if (/^[ \t]/.test(line)) fields.set(name, `${fields.get(name)}\n${line.trim()}`);
    else if (line !== "" && !line.startsWith("#")) {
      const colon = line.indexOf(":");
      if (colon < 1) {
        throw new HostFailure(`the archive's index is damaged: "${line.slice(0, 60)}"`);
      }
      name = line.slice(0, colon).toLowerCase();
      fields.set(name, line.slice(colon + 1).trim());
    }
  }
  return fields;
}

/**
 * The signed text of an `InRelease` file. Refuses anything before, after or between: only what the
 * signature covers may be believed. Source: RFC 9580, 7 (cleartext signature framework).
 */
export function signedText(inRelease: string): string {
  const lines = inRelease.replaceAll("\r\n", "\n").trimEnd().split("\n");
  const blank = lines.indexOf("");
  const signature = lines.indexOf("-----BEGIN PGP SIGNATURE-----");
  const isFramed = lines[0] === "-----BEGIN PGP SIGNED MESSAGE-----" &&
    lines.slice(1, blank).every((line) => /^Hash: /.test(line)) &&
    blank > 0 && signature > blank &&
    lines.indexOf("-----END PGP SIGNATURE-----") === lines.length - 1;
  const text = lines.slice(blank + 1, signature);
  // Inside, a line that begins with a dash is escaped by "- ".
  if (!isFramed || text.some((line) => /^-(?! )/.test(line))) {
    throw new HostFailure("the archive's InRelease file is damaged: not one signed message");
  }
  return text.map((line) => line.replace(/^- /, "")).join("\n");
}

/** The files that a release file lists under `SHA256`, by path. */
export function releaseFiles(release: Paragraph): Map<string, IndexedFile> {
  const files = new Map<string, IndexedFile>();
  for (const line of (release.get("sha256") ?? "").split("\n")) {
    const [sha256, size, path] = line.split(/\s+/);
    if (path !== undefined) files.set(path, { path, sizeBytes: sizeOf(size), sha256: sum(sha256) });
  }
  return files;
}

/** A paragraph of a `Packages` index. Throws {@link HostFailure} where a field is missing or odd. */
export function packageOf(fields: Paragraph): Package {
  const field = (name: string) => {
    const value = fields.get(name);
    if (value === undefined) {
      throw new HostFailure(
        `the archive's index gives package ${fields.get("package")} no ${name}`,
      );
    }
    return value;
  };
  const path = field("filename");
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new HostFailure(`the archive's index names a file outside the archive: ${path}`);
  }
  return {
    name: field("package"),
    version: field("version"),
    path,
    sizeBytes: sizeOf(field("size")),
    sha256: sum(field("sha256")),
    depends: ["pre-depends", "depends"].flatMap((name) => relations(fields.get(name) ?? "")),
    provides: relations(fields.get("provides") ?? "").flat(),
  };
}

/**
 * The packages and everything that they need, sorted by name. Versions in relations are not
 * compared: within one release of the archive they agree.
 *
 * @param find the package of that name, or one that provides it
 */
export function withDependencies(
  names: readonly string[],
  find: (name: string) => Package | undefined,
): Package[] {
  const found = new Map<string, Package>();
  const visit = (alternatives: readonly string[], neededBy: string) => {
    for (const name of alternatives) {
      const it = find(name);
      if (it === undefined) continue;
      if (found.has(it.name)) return;
      found.set(it.name, it);
      for (const need of it.depends) visit(need, it.name);
      return;
    }
    throw new HostFailure(
      `the archive has no package ${alternatives.join(" or ")}` +
        (neededBy === "" ? "" : `, which ${neededBy} needs`),
    );
  };
  for (const name of names) visit([name], "");
  return [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** `a (>= 1), b | c:any` gives `[[a], [b, c]]`. */
function relations(text: string): string[][] {
  return text.split(",").filter((relation) => relation.trim() !== "").map((relation) =>
    relation.split("|").map((one) => one.trim().replace(/[\s(:[].*$/s, ""))
  );
}

function sizeOf(digits: string): number {
  const size = Number(digits);
  if (!/^\d+$/.test(digits) || !Number.isSafeInteger(size)) {
    throw new HostFailure(`the archive's index is damaged: size "${digits}"`);
  }
  return size;
}

function sum(hex: string): string {
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new HostFailure(`the archive's index is damaged: SHA-256 "${hex}"`);
  }
  return hex;
}
