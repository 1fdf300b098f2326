/** Who signed the archive's index. Source: gpgv(1); GnuPG, doc/DETAILS (status lines). */
import { join } from "@std/path";
import { HostFailure } from "../failure.ts";
import { hostFailure } from "./cache.ts";
import type { Report } from "./report.ts";

const KEYRING_FOLDER = "/usr/share/keyrings";
/** Of Debian's package debian-archive-keyring: all keys, then those of this release alone. */
const KEYRINGS =
  /^debian-archive-(keyring|trixie-(automatic|security-automatic|stable))\.(gpg|pgp)$/;

/**
 * Checks the signature of an `InRelease` file with the host's `gpgv` and Debian's keyring, or the one
 * that `HINDSIGHT_KEYRING` names (`none`: do not check). Where either is missing it says so and goes on: the sums in the
 * index still catch damage, but not a forged archive.
 * Throws {@link HostFailure} if no key of the keyring signed it, or a signature is bad.
 */
export async function checkSignature(inRelease: string, report: Report): Promise<void> {
  const keyrings = await archiveKeyrings();
  const status = keyrings.length > 0 ? await gpgvStatus(inRelease, keyrings) : undefined;
  if (status === undefined) {
    const missing = Deno.env.get("HINDSIGHT_KEYRING") === "none"
      ? "HINDSIGHT_KEYRING is none"
      : keyrings.length > 0
      ? "gpgv is not installed"
      : "Debian's archive keyring is not installed (package debian-archive-keyring)";
    report.line(`warning: the archive's signature was NOT checked: ${missing}`);
    return;
  }
  const lines = status.split("\n").map((line) => line.replace(/^\[GNUPG:\] /, ""));
  // Several keys sign; one that the keyring lacks or that has expired (no GOODSIG) is no harm.
  const bad = lines.find((line) => line.startsWith("BADSIG "));
  const isGood = lines.some((line) => line.startsWith("GOODSIG ")) &&
    lines.some((line) => line.startsWith("VALIDSIG "));
  if (bad !== undefined || !isGood) {
    const why = bad === undefined
      ? `no good signature by a key of ${keyrings.join(", ")}`
      : `bad signature by ${bad.split(" ").slice(1).join(" ")}`;
    throw new HostFailure(`the archive's index cannot be trusted: ${why}; refused`);
  }
  const signers = lines.filter((line) => line.startsWith("GOODSIG ")).map((line) =>
    line.split(" ").slice(2).join(" ")
  );
  report.line(`the archive's index is signed by ${signers.join(", ")}`);
}

async function archiveKeyrings(): Promise<string[]> {
  const set = Deno.env.get("HINDSIGHT_KEYRING");
  if (set) return set === "none" ? [] : [set];
  try {
    const names = (await Array.fromAsync(Deno.readDir(KEYRING_FOLDER))).map(({ name }) => name);
    return names.filter((name) => KEYRINGS.test(name)).sort().map((name) =>
      join(KEYRING_FOLDER, name)
    );
  } catch {
    return [];
  }
}

/** What `gpgv --status-fd` says; `undefined` if there is no `gpgv`. */
async function gpgvStatus(inRelease: string, keyrings: string[]): Promise<string | undefined> {
  try {
    const child = new Deno.Command("gpgv", {
      args: ["--status-fd", "1", ...keyrings.flatMap((keyring) => ["--keyring", keyring])],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = child.output();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(inRelease)).catch(() => {});
    await writer.close().catch(() => {});
    return new TextDecoder().decode((await output).stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw hostFailure(error, "cannot run gpgv");
  }
}
