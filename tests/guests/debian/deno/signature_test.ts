import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { prepareDebian } from "../../../../guests/debian/deno/prepare.ts";
import { HostFailure } from "../../../../guests/debian/failure.ts";
import { bytesOf } from "../build.ts";
import { fakeArchive, serve, unsigned, withCache } from "./fake_archive.ts";

/** A key of its own and a keyring that holds it. */
interface Signer {
  readonly keyring: string;
  sign(release: string): Promise<string>;
}

async function gpg(home: string, args: string[], input = ""): Promise<Uint8Array> {
  const child = new Deno.Command("gpg", {
    args: [
      "--homedir",
      home,
      "--batch",
      "--pinentry-mode",
      "loopback",
      "--passphrase",
      "",
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(bytesOf(input));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`gpg ${args.join(" ")} failed`);
  return stdout;
}

/** Runs with so many signers; needs gpg and gpgv. */
async function withSigners(
  count: number,
  body: (signers: Signer[]) => Promise<void>,
): Promise<void> {
  const homes: string[] = [];
  try {
    for (const tool of ["gpg", "gpgv"]) {
      await new Deno.Command(tool, { args: ["--version"], stdout: "null" }).output();
    }
    const signers: Signer[] = [];
    for (let i = 0; i < count; i++) {
      const home = await Deno.makeTempDir();
      homes.push(home);
      await gpg(home, ["--quick-generate-key", `Archive ${i} <a${i}@example.org>`, "ed25519"]);
      await Deno.writeFile(`${home}/keyring.gpg`, await gpg(home, ["--export"]));
      signers.push({
        keyring: `${home}/keyring.gpg`,
        sign: async (release) =>
          new TextDecoder().decode(await gpg(home, ["--clearsign"], `${release}\n`)),
      });
    }
    await body(signers);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const need = "needs gpg and gpgv (apt install gpg gpgv)";
    if (Deno.env.get("CI") === "true") throw new Error(need);
    console.log(`ignored: ${need}`);
  } finally {
    for (const home of homes) {
      await new Deno.Command("gpgconf", { args: ["--homedir", home, "--kill", "all"] }).output()
        .catch(() => {});
      await Deno.remove(home, { recursive: true });
    }
  }
}

Deno.test("prepareDebian takes an archive that a key of the keyring signed", () =>
  withSigners(1, async ([signer]) => {
    await using served = serve(await fakeArchive(signer.sign));
    await withCache(signer.keyring, async (options) => {
      await prepareDebian(options);
      assertStringIncludes(
        options.report.lines.join("\n"),
        "index is signed by Archive 0 <a0@example.org>",
      );
    }, served.url);
  }));

Deno.test("prepareDebian refuses a changed index, a stranger's signature and none", () =>
  withSigners(2, async ([signer, stranger]) => {
    const changed = async (release: string) =>
      (await signer.sign(release)).replace("Origin: Debian", "Origin: Dabian");
    const cases: [(release: string) => Promise<string>, string][] = [
      [changed, "bad signature by"],
      [stranger.sign, "no good signature by a key of"],
      [unsigned, "no good signature by a key of"],
    ];
    for (const [sign, message] of cases) {
      await using served = serve(await fakeArchive(sign));
      await withCache(signer.keyring, async (options) => {
        const error = await assertRejects(() => prepareDebian(options), HostFailure, message);
        assertEquals((error as HostFailure).exitCode, 4);
        assertEquals(served.requests, ["/dists/trixie/InRelease"]);
      }, served.url);
    }
  }));
