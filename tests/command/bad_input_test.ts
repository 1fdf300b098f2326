/** Every mistake of a user, and of his machine, ends in one clear line and the right status. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CODE, makeElf } from "../devices/boot/images.ts";
import { hindsight } from "./cli.ts";

Deno.test("hindsight answers bad input with one line and status 2 or 4", async () => {
  const folder = await Deno.makeTempDir();
  const file = (name: string) => `${folder}/${name}`;
  const elf = makeElf([{ address: 0x8000_0000, bytes: CODE }]);
  await Deno.writeFile(file("good.elf"), elf);
  await Deno.writeFile(file("truncated.elf"), elf.slice(0, -3));
  await Deno.writeFile(file("x86.elf"), elf.map((byte, index) => index === 18 ? 62 : byte));
  await Deno.writeFile(file("far.elf"), makeElf([{ address: 0x1000, bytes: CODE }]));
  await Deno.writeFile(file("empty"), new Uint8Array());
  await Deno.writeTextFile(file("odd.img"), "not 512 bytes");
  await Deno.writeTextFile(file("bad.json"), "{");
  await Deno.writeTextFile(file("typo.json"), '{"hart":2}');
  await Deno.writeTextFile(file("harts.json"), '{"guest":"pocket","harts":"2"}');
  const bios = ["--bios", file("good.elf")];

  const cases: [args: string[], status: number, line: RegExp][] = [
    [[], 2, /which command\? demo, guest, run, .*help/],
    [["rnu"], 2, /unknown command "rnu"; did you mean run\?/],
    [["frobnicate"], 2, /unknown command "frobnicate"; there are demo/],
    [["demo", "fast"], 2, /demo takes nothing or flaky, not "fast"/],
    [["guest"], 2, /write `hindsight guest debian`/],
    [["guest", "debain"], 2, /did you mean debian\?/],
    [["guest", "debian", "--refrehs"], 2, /unknown flag --refrehs; did you mean --refresh\?/],
    [["run"], 2, /nothing to boot/],
    [["run", "kernel"], 2, /run takes flags only, not "kernel"/],
    [["run", "--memroy", "1G"], 2, /unknown flag --memroy; did you mean --memory\?/],
    [["run", "--zzzzzzzz"], 2, /unknown flag --zzzzzzzz$/],
    [["run", ...bios, "--memory"], 2, /--memory needs a value/],
    [["run", ...bios, "--memory", "3"], 2, /--memory 3: a size from 1M to 8G is needed/],
    [["run", ...bios, "--memory", "9G"], 2, /--memory 9G: a size from 1M to 8G/],
    [["run", ...bios, "--memory=1M", "--memory=2M"], 2, /--memory is given twice/],
    [["run", ...bios, "--harts", "0"], 2, /--harts 0: a whole number from 1 to 8/],
    [["run", ...bios, "--harts", "two"], 2, /--harts two: a whole number from 1 to 8/],
    [["run", ...bios, "--seed", "-1"], 2, /--seed -1: a whole number from 0 to/],
    [["run", ...bios, "--disk-timing", "slow"], 2, /live or model is needed/],
    [["run", ...bios, "--tlb-entries", "3"], 2, /a power of two from 1 to 256/],
    [["run", ...bios, "--run", "ls"], 2, /--run needs --guest debian/],
    [["run", ...bios, "--copy", "a:/b"], 2, /--copy needs --guest debian/],
    [["run", ...bios, "--append", "x"], 2, /--append needs --kernel FILE/],
    [["run", "--guest", "pokcet"], 2, /pocket or debian is needed/],
    [["run", "--guest", "pocket", "--kernel", "x"], 2, /--kernel does not go with --guest pocket/],
    [["run", "--guest", "debian", "--copy", "a"], 2, /FILE:\/PATH is needed/],
    [["run", "--guest", "debian", "--copy", "/nowhere:/a"], 2, /--copy \/nowhere: no such file/],
    [["run", ...bios, "--kernel", file("none")], 2, /--kernel .*none: no such file/],
    [["run", "--kernel", folder, ...bios], 2, /--kernel .*: is a directory/],
    [["run", "--bios", "/dev/zero"], 2, /--bios \/dev\/zero: is not a regular file/],
    [["run", "--bios", folder], 2, /--bios .*: is a directory/],
    [["run", "--bios", file("truncated.elf")], 2, /truncated ELF: .*\(file offset 0x7d\)/],
    [["run", "--bios", file("x86.elf")], 2, /ELF machine 62 is not RISC-V .*\(file offset 0x12\)/],
    [["run", "--bios", file("far.elf")], 2, /0x1000 to 0x1007 is outside RAM/],
    [["run", "--bios", file("empty")], 2, /empty: the file is empty/],
    [["run", ...bios, "--kernel", file("good.elf")], 2, /good\.elf: .* overlaps good\.elf/],
    [["run", ...bios, "--disk", file("odd.img")], 2, /a multiple of 512 bytes, this file has 13/],
    [["run", ...bios, "--disk", file("none")], 2, /cannot open the disk: ENOENT/],
    [["run", ...bios, "--disk", `${folder},ro`], 2, /is a directory, not a disk/],
    [["run", ...bios, ...Array(7).fill(["--disk", "x"]).flat()], 2, /at most 6 disks fit/],
    [["run", ...bios, "--nic", "slirp"], 2, /--nic slirp: none, user, unix:PATH or switch:NAME/],
    [["run", ...bios, "--nic", "switch:lan"], 2, /only a guest of a lab has a switch/],
    [["run", ...bios, ...Array(7).fill(["--nic", "none"]).flat()], 2, /at most 6 network cards/],
    [
      ["run", ...bios, "--hostfwd", "tcp:80:80"],
      2,
      /--hostfwd needs one --nic user, and there are 0/,
    ],
    [["run", ...bios, "--nic", `unix:${file("none")}`], 4, /unix:.*none: no such socket$/],
    [["run", ...bios, "--nic", `unix:${file("odd.img")},listen`], 4, /the path is taken$/],
    [["run", ...bios, "--send", file("none")], 2, /--send .*: no such file/],
    [["run", "--machine", file("none")], 2, /--machine .*: no such file/],
    [["run", "--machine", file("bad.json")], 2, /not JSON/],
    [["run", "--machine", file("typo.json")], 2, /unknown field "hart"; did you mean harts\?/],
    [["run", "--machine", file("harts.json")], 2, /harts: a whole number from 1 to 8/],
    [["run", ...bios, "--digests", `${folder}/none/x`], 2, /--digests .*: no such file/],
    [["run", "--guest", "pocket", "--digests", "/dev/full"], 4, /no space left on the disk/],
  ];
  // A few at a time: each is a process of its own.
  const queue = [...cases];
  await Promise.all([0, 1].map(async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [args, status, line] = next;
      const outcome = await hindsight(args);
      const label = `${args.join(" ")}\n${outcome.stderr}`;
      assertEquals(outcome.status, status, label);
      assertMatch(outcome.stderr, /^hindsight: [^\n]+\n$/, label);
      assert(line.test(outcome.stderr.trim()), `${line} ${label}`);
    }
  }));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("hindsight run says that OpenSBI is missing when the cache is empty", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/kernel`, CODE);
  const { status, stderr } = await hindsight(["run", "--kernel", `${folder}/kernel`], {
    env: { HINDSIGHT_CACHE: folder },
  });
  await Deno.remove(folder, { recursive: true });
  assertEquals(status, 2);
  assertMatch(stderr, /^hindsight: --kernel needs --bios FILE .*`hindsight guest debian`\n$/);
});

Deno.test("hindsight guest debian says in one line that the cache's disk is full", async () => {
  const folder = await Deno.makeTempDir();
  const mount = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=64k,nr_inodes=3", "tmpfs", folder],
    stderr: "null",
  }).output().catch(() => undefined);
  if (!mount?.success) {
    await Deno.remove(folder);
    console.log("ignored: needs the right to mount a tmpfs (run as root)");
    return;
  }
  try {
    const { status, stderr } = await hindsight(["guest", "debian"], {
      env: { HINDSIGHT_CACHE: `${folder}/a/b/c/d` },
    });
    assertEquals(status, 4, stderr);
    assertMatch(stderr, /^hindsight: [^\n]*(ENOSPC|[Nn]o space left)[^\n]*\n$/);
  } finally {
    await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
});
