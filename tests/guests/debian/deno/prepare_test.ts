import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { openDebian } from "../../../../guests/debian/deno/guest.ts";
import { prepareDebian } from "../../../../guests/debian/deno/prepare.ts";
import { HostFailure } from "../../../../guests/debian/failure.ts";
import { bytesOf } from "../build.ts";
import {
  fakeArchive,
  KERNEL_PATH,
  pretendGuest,
  serve,
  type Served,
  unsigned,
  withCache,
} from "./fake_archive.ts";

/** Prepares once from an archive without a good signature, then hands over. */
async function prepared(
  body: (served: Served, options: Parameters<Parameters<typeof withCache>[1]>[0]) => Promise<void>,
): Promise<void> {
  await using served = serve(await fakeArchive());
  await withCache("none", async (options) => {
    await prepareDebian(options);
    served.requests.length = 0;
    options.report.lines.length = 0;
    await body(served, options);
  }, served.url);
}

Deno.test("prepareDebian makes all files, says what it did not check, and then needs no network", async () => {
  await using served = serve(await fakeArchive());
  await withCache("none", async (options) => {
    assertEquals(await openDebian(options.cacheDir), undefined);
    const guest = await prepareDebian(options);
    assertStringIncludes(options.report.lines.join("\n"), "signature was NOT checked");
    assertEquals(await Deno.readTextFile(guest.firmwareJump), "jump");
    assertEquals(await Deno.readTextFile(guest.firmwareDynamic), "dynamic");
    assertStringIncludes(await Deno.readTextFile(guest.kernel), "the kernel 1.0");
    assertStringIncludes(await Deno.readTextFile(guest.busybox), "applet07");
    const initrd = await Deno.readTextFile(guest.initrd);
    const names = [
      "virtio_blk",
      "net_failover",
      "virtio_net",
      "virtio_rng",
      "crc32c_generic",
      "ext4",
    ];
    assertStringIncludes(initrd, names.map((name) => `/usr/lib/modules/${name}.ko\n`).join(""));
    assertEquals((await Deno.stat(guest.disk)).size, 64 << 20);
    assertStringIncludes(guest.append, "panic=-1");

    const requests = served.requests.length;
    assertEquals(await prepareDebian(options), guest);
    assertEquals(await openDebian(options.cacheDir), guest);
    assertEquals(served.requests.length, requests);
    assertEquals(
      Array.from(Deno.readDirSync(options.cacheDir)).map(({ name }) => name).sort(),
      ["busybox", "fw_dynamic.bin", "fw_jump.bin", "initramfs.cpio", "lock", "manifest.json"]
        .concat(["packages", "root.ext4", "vmlinux"]),
    );
  }, served.url);
});

Deno.test("prepareDebian gives the guest the tools to make its disk with", async () => {
  await using served = serve(await fakeArchive());
  await withCache("none", async (options) => {
    let given = "";
    await prepareDebian({
      ...options,
      runGuest(run) {
        given = new TextDecoder().decode(run.initrds[1] as Uint8Array);
        assertEquals(run.initrds[0], `${options.cacheDir}/initramfs.cpio`);
        assertEquals(Deno.statSync(run.diskPath).size, 64 << 20);
        return pretendGuest(run);
      },
    });
    for (const part of ["usr/sbin/mke2fs", "riscv64-linux-gnu/libc.so.6", "-t ext4"]) {
      assertStringIncludes(given, part);
    }
  }, served.url);
});

Deno.test("prepareDebian repairs a missing, truncated or damaged file from what it has", () =>
  prepared(async (served, options) => {
    const guest = (await openDebian(options.cacheDir))!;
    const files = [guest.kernel, guest.initrd, guest.firmwareDynamic, guest.disk, guest.busybox];
    for (const path of files) {
      const whole = await Deno.readFile(path);
      const damaged = whole.slice();
      damaged[5] ^= 0x10;
      for (const bytes of [undefined, whole.slice(0, -1), damaged]) {
        if (bytes === undefined) await Deno.remove(path);
        else await Deno.writeFile(path, bytes);
        if (bytes !== damaged) assertEquals(await openDebian(options.cacheDir), undefined);
        options.report.lines.length = 0;
        await prepareDebian(options);
        assertEquals(await Deno.readFile(path), whole);
        assertStringIncludes(options.report.lines[0], "missing or damaged; making it again");
      }
    }
    assertEquals(served.requests, []);
  }));

Deno.test("prepareDebian fetches a damaged package again, and only that", () =>
  prepared(async (served, options) => {
    await Deno.writeTextFile(`${options.cacheDir}/packages/opensbi.deb`, "damaged");
    await Deno.writeTextFile(`${options.cacheDir}/vmlinux.123.new`, "left by a killed run");
    await Deno.remove(`${options.cacheDir}/fw_jump.bin`);
    await prepareDebian(options);
    assertEquals(served.requests, ["/pool/o/opensbi.deb"]);
    assertEquals(
      await Deno.stat(`${options.cacheDir}/vmlinux.123.new`).catch(() => "gone"),
      "gone",
    );
    assert(await openDebian(options.cacheDir));
  }));

Deno.test("prepareDebian survives a damaged manifest", () =>
  prepared(async (_, options) => {
    for (const text of ["", "{", "[]", '{"version":2}']) {
      await Deno.writeTextFile(`${options.cacheDir}/manifest.json`, text);
      assertEquals(await openDebian(options.cacheDir), undefined);
      assert(await prepareDebian(options));
    }
  }));

Deno.test("prepareDebian asks for new packages when the archive has replaced the old ones", () =>
  prepared(async (served, options) => {
    const next = await fakeArchive(undefined, "2.0");
    served.files.clear();
    for (const [path, bytes] of next) served.files.set(path, bytes);
    await Deno.remove(`${options.cacheDir}/vmlinux`);
    await Deno.remove(`${options.cacheDir}/packages`, { recursive: true });
    const guest = await prepareDebian(options);
    assertStringIncludes(await Deno.readTextFile(guest.kernel), "the kernel 2.0");
    assertStringIncludes(options.report.lines.join("\n"), "asking the archive");
  }));

/** An archive whose files of one name have been updated, and those of the other not. */
async function halfUpdated(codename: string): Promise<Served> {
  const files = await fakeArchive();
  files.delete("dists/trixie/main/binary-riscv64/Packages.gz");
  const stable = await fakeArchive((release) =>
    unsigned(release.replace("Codename: trixie", `Codename: ${codename}`))
  );
  for (const [path, bytes] of stable) {
    if (path.startsWith("dists/")) files.set(path.replace("trixie", "stable"), bytes);
  }
  return serve(files);
}

Deno.test("prepareDebian takes the release by its other name while a mirror is being updated", async () => {
  await using served = await halfUpdated("trixie");
  await withCache("none", async (options) => {
    const guest = await prepareDebian(options);
    assertStringIncludes(await Deno.readTextFile(guest.kernel), "the kernel 1.0");
    assertMatch(options.report.lines.join("\n"), /Packages.gz: .*404.*under another name/);
  }, served.url);
});

Deno.test("prepareDebian takes no other release by the other name", async () => {
  await using served = await halfUpdated("forky");
  await withCache("none", async (options) => {
    await assertRejects(
      () => prepareDebian(options),
      HostFailure,
      "trixie/main/binary-riscv64/Packages.gz",
    );
  }, served.url);
});

Deno.test("prepareDebian with refresh takes a newer kernel and drops the old package", () =>
  prepared(async (served, options) => {
    const next = await fakeArchive(undefined, "2.0");
    for (const [path, bytes] of next) served.files.set(path, bytes);
    const guest = await prepareDebian({ ...options, refresh: true });
    assertStringIncludes(await Deno.readTextFile(guest.kernel), "the kernel 2.0");
    const packages = Array.from(Deno.readDirSync(`${options.cacheDir}/packages`));
    assertEquals(packages.filter(({ name }) => name.startsWith("linux-image")).length, 1);
  }));

Deno.test("prepareDebian goes on where an earlier run was cut off", async () => {
  await using served = serve(await fakeArchive());
  await withCache("none", async (options) => {
    served.files.delete("pool/e/e2fsprogs.deb");
    await assertRejects(() => prepareDebian(options), HostFailure, "says 404");
    assertEquals(await openDebian(options.cacheDir), undefined);
    served.files.set("pool/e/e2fsprogs.deb", (await fakeArchive()).get("pool/e/e2fsprogs.deb")!);
    served.requests.length = 0;
    await prepareDebian(options);
    assertEquals(served.requests, ["/pool/e/e2fsprogs.deb", "/pool/l/libc6.deb"]);
  }, served.url);
});

Deno.test("prepareDebian refuses an index or a package that does not match its sum", async () => {
  for (const path of ["dists/trixie/main/binary-riscv64/Packages.gz", KERNEL_PATH]) {
    await using served = serve(await fakeArchive());
    const damaged = served.files.get(path)!.slice();
    damaged[damaged.length >> 1] ^= 1;
    served.faults.replace = new Map([[path, damaged]]);
    await withCache("none", async (options) => {
      await assertRejects(() => prepareDebian(options), HostFailure, "SHA-256 differs; refused");
      assertEquals(await openDebian(options.cacheDir), undefined);
    }, served.url);
  }
});

Deno.test("prepareDebian refuses another release and an index that is no signed message", async () => {
  const cases: [string, string][] = [
    ["Codename: bookworm", 'is of "bookworm", not trixie'],
    ["", "not one signed message"],
  ];
  for (const [replacement, message] of cases) {
    const files = await fakeArchive();
    const text = new TextDecoder().decode(files.get("dists/trixie/InRelease"));
    files.set(
      "dists/trixie/InRelease",
      bytesOf(replacement && text.replace("Codename: trixie", replacement)),
    );
    await using served = serve(files);
    await withCache("none", async (options) => {
      await assertRejects(() => prepareDebian(options), HostFailure, message);
    }, served.url);
  }
});

Deno.test("prepareDebian reports a guest that fails, and one that makes no file system", async () => {
  await using served = serve(await fakeArchive());
  await withCache("none", async (options) => {
    const failing = () => Promise.resolve({ status: 3, console: "x\r\nmke2fs: no disk\r\n" });
    await assertRejects(
      () => prepareDebian({ ...options, runGuest: failing }),
      HostFailure,
      "could not make its root disk (status 3): mke2fs: no disk",
    );
    const idle = () => Promise.resolve({ status: 0, console: "" });
    await assertRejects(
      () => prepareDebian({ ...options, runGuest: idle }),
      HostFailure,
      "made no file system",
    );
    const left = Array.from(Deno.readDirSync(options.cacheDir)).map(({ name }) => name);
    assertEquals(left.filter((name) => name.startsWith("root.ext4")), []);
    assert(await prepareDebian(options));
  }, served.url);
});

Deno.test("prepareDebian reports a cache folder that cannot be, in one line", async () => {
  const file = await Deno.makeTempFile();
  await using served = serve(await fakeArchive());
  await withCache("none", async (options) => {
    for (const cacheDir of [`${file}/cache`, "/proc/hindsight"]) {
      const error = await assertRejects(
        () => prepareDebian({ ...options, cacheDir }),
        HostFailure,
        `cannot prepare the Debian guest in ${cacheDir}: `,
      );
      assert(!error.message.includes("\n"), error.message);
    }
  }, served.url);
  await Deno.remove(file);
});

Deno.test({
  name: "prepareDebian reports a full disk, leaves no half file, and goes on when there is room",
  ignore: Deno.build.os !== "linux", // tmpfs
  async fn() {
    const folder = await Deno.makeTempDir();
    const mount = (...args: string[]) =>
      new Deno.Command(args[0], { args: args.slice(1) }).output();
    const size = "size=200k";
    const mounted = await mount("mount", "-t", "tmpfs", "-o", size, "none", folder);
    if (!mounted.success) {
      await Deno.remove(folder);
      return console.log("ignored: needs root to mount a tmpfs (sudo)");
    }
    try {
      await using served = serve(await fakeArchive());
      await withCache("none", async (options) => {
        const there = { ...options, cacheDir: `${folder}/cache` };
        await Deno.writeFile(`${folder}/filler`, new Uint8Array(150 << 10));
        const error = await assertRejects(
          () => prepareDebian(there),
          HostFailure,
          "no space left on the disk",
        );
        assert(!error.message.includes("\n"), error.message);
        assertEquals(await openDebian(there.cacheDir), undefined);
        const names = Array.from(Deno.readDirSync(there.cacheDir)).map(({ name }) => name);
        assertEquals(names.filter((name) => name.endsWith(".new")), []);
        await Deno.remove(`${folder}/filler`);
        assert(await prepareDebian(there));
      }, served.url);
    } finally {
      await mount("umount", folder);
      await Deno.remove(folder);
    }
  },
});
