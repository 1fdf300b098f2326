import { assertEquals, assertThrows } from "@std/assert";
import {
  type Package,
  packageOf,
  paragraph,
  releaseFiles,
  signedText,
  withDependencies,
} from "../../../guests/debian/deb822.ts";
import { HostFailure } from "../../../guests/debian/failure.ts";

const SUM = "0123456789abcdef".repeat(4);

function signed(text: string): string {
  return `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${text}\n` +
    "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
}

Deno.test("paragraph reads fields, whatever their case, and continued lines", () => {
  const fields = paragraph(
    "Package: a\nDEPENDS: b,\n c\n\td\n# comment\nEmpty:\nUrl: http://x:1/\n",
  );
  assertEquals([...fields], [
    ["package", "a"],
    ["depends", "b,\nc\nd"],
    ["empty", ""],
    ["url", "http://x:1/"],
  ]);
  assertThrows(() => paragraph("no field"), HostFailure, "damaged");
});

Deno.test("signedText gives what the signature covers, dashes unescaped", () => {
  assertEquals(signedText(signed("Origin: Debian\n- -dash")), "Origin: Debian\n-dash");
});

Deno.test("signedText refuses text outside the signature", () => {
  const whole = signed("Origin: Debian");
  for (
    const text of [
      `Origin: Evil\n${whole}`,
      `${whole}Origin: Evil\n`,
      whole + whole,
      whole.replace("Hash: SHA256", "Hash: SHA256\nOrigin: Evil"),
      signed("-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Evil"),
      "Origin: Debian\n",
      "",
    ]
  ) assertThrows(() => signedText(text), HostFailure, "not one signed message");
});

Deno.test("releaseFiles reads the SHA256 list and refuses odd sums and sizes", () => {
  const release = (line: string) => paragraph(`MD5Sum:\n ff 1 x\nSHA256:\n ${line}\nX: y\n`);
  assertEquals([...releaseFiles(release(`${SUM}  12 main/Packages.xz`)).values()], [
    { path: "main/Packages.xz", sizeBytes: 12, sha256: SUM },
  ]);
  assertThrows(() => releaseFiles(release(`${SUM}  1e3 p`)), HostFailure, "size");
  assertThrows(() => releaseFiles(release("abc 1 p")), HostFailure, "SHA-256");
});

function makePackage(name: string, more = ""): Package {
  return packageOf(paragraph(
    `Package: ${name}\nVersion: 1\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${SUM}\n${more}`,
  ));
}

Deno.test("packageOf reads relations without versions, architectures and qualifiers", () => {
  const read = makePackage(
    "a",
    "Pre-Depends: libc6 (>= 2.38), x:any\nDepends: b | c (= 1), d [riscv64]\nProvides: v (= 1)\n",
  );
  assertEquals(read.depends, [["libc6"], ["x"], ["b", "c"], ["d"]]);
  assertEquals(read.provides, ["v"]);
});

Deno.test("packageOf refuses missing fields and paths that leave the archive", () => {
  assertThrows(() => packageOf(paragraph("Package: a\n")), HostFailure, "a no ");
  assertThrows(() => makePackage("../../etc/passwd"), HostFailure, "outside the archive");
});

Deno.test("withDependencies follows needs through circles and alternatives", () => {
  const all = [
    makePackage("e2fsprogs", "Depends: nowhere | libext2, libc6"),
    makePackage("libext2", "Depends: libc6"),
    makePackage("libc6", "Depends: libgcc"),
    makePackage("libgcc", "Depends: libc6"),
    makePackage("other"),
  ];
  const find = (name: string) => all.find((one) => one.name === name);
  assertEquals(withDependencies(["e2fsprogs"], find).map(({ name }) => name), [
    "e2fsprogs",
    "libc6",
    "libext2",
    "libgcc",
  ]);
  assertThrows(() => withDependencies(["none"], find), HostFailure, "no package none");
  all.push(makePackage("broken", "Depends: gone | lost"));
  assertThrows(
    () => withDependencies(["broken"], find),
    HostFailure,
    "no package gone or lost, which broken needs",
  );
});
