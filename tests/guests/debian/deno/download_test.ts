import { assert, assertEquals, assertRejects } from "@std/assert";
import { Random } from "../../../../core/random.ts";
import { download } from "../../../../guests/debian/deno/download.ts";
import { HostFailure, MissingFromArchive } from "../../../../guests/debian/failure.ts";
import { collectingReport, serve, type Served, sha256 } from "./fake_archive.ts";

const BYTES = new Uint8Array(new Random(7).bytes(100_000));
const EXPECTED = { sizeBytes: BYTES.length, sha256: sha256(BYTES) };

async function withServer(body: (served: Served, path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using served = serve(new Map([["file", BYTES]]));
    await body(served, `${folder}/file`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function get(served: Served, path: string, report = collectingReport()): Promise<void> {
  return download(`${served.url}/file`, path, EXPECTED, report);
}

Deno.test("download fetches a file once and leaves nothing beside it", () =>
  withServer(async (served, path) => {
    await get(served, path);
    await get(served, path);
    assertEquals(await Deno.readFile(path), BYTES);
    assertEquals(served.requests, ["/file"]);
    const names = Array.from(Deno.readDirSync(path.replace(/\/file$/, ""))).map(({ name }) => name);
    assertEquals(names, ["file"]);
  }));

Deno.test("download replaces a damaged and a truncated file", () =>
  withServer(async (served, path) => {
    for (
      const damaged of [
        BYTES.slice(0, -1),
        BYTES.map((byte, i) => i === 99 ? byte ^ 1 : byte),
      ]
    ) {
      await Deno.writeFile(path, damaged);
      await get(served, path);
      assertEquals(await Deno.readFile(path), BYTES);
    }
    assertEquals(served.requests.length, 2);
  }));

Deno.test("download goes on where an earlier run stopped", () =>
  withServer(async (served, path) => {
    await Deno.writeFile(`${path}.part`, BYTES.slice(0, 12_345));
    await get(served, path);
    assertEquals(await Deno.readFile(path), BYTES);
    assertEquals(served.requests, ["/file bytes=12345-"]);
  }));

Deno.test("download starts over where the server cannot resume", () =>
  withServer(async (served, path) => {
    served.faults.noRange = true;
    await Deno.writeFile(`${path}.part`, BYTES.slice(0, 12_345));
    await get(served, path);
    assertEquals(await Deno.readFile(path), BYTES);
    assertEquals(served.requests, ["/file bytes=12345-"]);
  }));

Deno.test("download goes on by itself when the connection breaks", () =>
  withServer(async (served, path) => {
    served.faults.breakAfter = { path: "file", bytes: 40_000 };
    await get(served, path);
    assertEquals(await Deno.readFile(path), BYTES);
    assertEquals(served.requests, ["/file", "/file bytes=40000-"]);
  }));

Deno.test("download fetches all again if only the part from before was wrong", () =>
  withServer(async (served, path) => {
    await Deno.writeFile(`${path}.part`, new Uint8Array(500));
    const report = collectingReport();
    await get(served, path, report);
    assertEquals(await Deno.readFile(path), BYTES);
    assertEquals(report.lines, ["file: the part from before was damaged; fetching it again"]);
    // A part that is too long or whole but wrong is no beginning at all.
    for (const size of [BYTES.length, BYTES.length + 1]) {
      await Deno.remove(path);
      await Deno.writeFile(`${path}.part`, new Uint8Array(size));
      await get(served, path);
      assertEquals(await Deno.readFile(path), BYTES);
    }
  }));

Deno.test("download refuses other content, longer content and a file that ends early", () =>
  withServer(async (served, path) => {
    const other = BYTES.map((byte) => byte ^ 0xff);
    served.faults.replace = new Map([["file", other]]);
    await assertRejects(() => get(served, path), HostFailure, "SHA-256 differs; refused");
    served.faults.replace.set("file", new Uint8Array(BYTES.length + 1));
    await assertRejects(() => get(served, path), HostFailure, "is longer than the 100000 bytes");
    await Deno.remove(`${path}.part`);
    served.faults.replace.set("file", BYTES.slice(0, 1000));
    await assertRejects(() => get(served, path), HostFailure, "ends early, after 1000 of 100000");
    assertEquals(await Deno.stat(path).catch(() => "none"), "none");
  }));

Deno.test("download tells a missing file from an archive out of reach, each in one line", () =>
  withServer(async (served, path) => {
    served.files.delete("file");
    const missing = await assertRejects(() => get(served, path), MissingFromArchive, "says 404");
    const closed = "http://127.0.0.1:1/file";
    const unreachable = await assertRejects(
      () => download(closed, path, EXPECTED, collectingReport()),
      HostFailure,
      `cannot reach ${closed}: `,
    );
    for (const error of [missing, unreachable]) {
      assert(!error.message.includes("\n"), error.message);
      assertEquals((error as HostFailure).exitCode, 4);
    }
  }));

Deno.test({
  name: "download says in one line that the disk is full",
  ignore: Deno.build.os !== "linux", // /dev/full is Linux's disk that is always full
  fn: () =>
    withServer(async (served, path) => {
      await Deno.symlink("/dev/full", `${path}.part`);
      const error = await assertRejects(
        () => get(served, path),
        HostFailure,
        `cannot write ${path}.part: no space left on the disk`,
      );
      assert(!error.message.includes("\n"), error.message);
    }),
});
