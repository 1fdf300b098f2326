/** `hindsight run`, `demo`, `help` and `--version` as a user sees them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { hindsight } from "./cli.ts";

/** `sw value, 0(0x100000); j .`: writes the test finisher. */
function finisherProgram(value: number): Uint8Array {
  const lui = (rd: number, imm20: number) => (imm20 << 12 | rd << 7 | 0x37) >>> 0;
  const high = (value + 0x800) >>> 12;
  const low = (value - (high << 12)) & 0xfff;
  const words = [
    lui(5, 0x100),
    lui(6, high),
    (low << 20 | 6 << 15 | 6 << 7 | 0x1b) >>> 0, // addiw t1, t1, low
    0x0062_a023, // sw t1, 0(t0)
    0x0000_006f,
  ];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** Copies each byte that the UART receives back to it, and powers off at "q". */
const ECHO = new Uint8Array(
  Uint32Array.of(
    0x1000_02b7, // lui t0, 0x10000
    0x0052_c303, // lbu t1, 5(t0): LSR
    0x0013_7313, // andi t1, t1, 1: data ready
    0xfe03_0ce3, // beqz t1, -8
    0x0002_c303, // lbu t1, 0(t0)
    0x0062_8023, // sb t1, 0(t0)
    0x0710_0393, // li t2, 'q'
    0xfe73_14e3, // bne t1, t2, -24
    0x0010_02b7, // lui t0, 0x100
    0x0000_5337, // lui t1, 5
    0x5553_031b, // addiw t1, t1, 0x555
    0x0062_a023, // sw t1, 0(t0)
    0x0000_006f,
  ).buffer,
);

async function withProgram(
  program: Uint8Array,
  run: (path: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(folder, "program"), program);
    await run(join(folder, "program"), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("run ends with the guest's power action", async () => {
  const cases: [value: number, status: number, stderr: RegExp][] = [
    [0x5555, 0, /^$/],
    [0x7777, 1, /^guest reset at cycle \d+\n$/],
    [0x0007_3333, 1, /^guest failed with status 7\n$/],
  ];
  for (const [value, status, stderr] of cases) {
    await withProgram(finisherProgram(value), async (path) => {
      const outcome = await hindsight(["run", "--bios", path, "--memory", "1M"]);
      assertEquals(outcome.status, status, outcome.stderr);
      assertMatch(outcome.stderr, stderr);
    });
  }
});

Deno.test("run passes a pipe to the console and its end does no harm", async () => {
  await withProgram(ECHO, async (path) => {
    const outcome = await hindsight(["run", "--bios", path, "--memory", "1M"], { input: "hi\nq" });
    assertEquals(outcome, { status: 0, stdout: "hi\nq", stderr: "" });
  });
});

Deno.test("run says that a guest is stuck when nothing can wake it", async () => {
  const wfi = new Uint8Array(Uint32Array.of(0x1050_0073, 0xffdf_f06f).buffer); // wfi; j -4
  await withProgram(wfi, async (path) => {
    const outcome = await hindsight(["run", "--bios", path, "--memory", "1M"]);
    assertEquals(outcome.status, 1);
    assertMatch(outcome.stderr, /^hindsight: guest stuck at cycle \d+: every hart waits[^\n]*\n$/);
  });
});

Deno.test("run stops at --until-cycle and writes a digest line every 10 million cycles", async () => {
  const files = [await Deno.makeTempFile(), await Deno.makeTempFile()];
  for (const [index, file] of files.entries()) {
    const engine = index === 0 ? [] : ["--tlb-entries", "1", "--tlb-flush-every", "1000"];
    const outcome = await hindsight(
      ["run", "--guest", "pocket", "--disk-timing", "model", "--until-cycle", "45_000_000"]
        .concat(["--digests", file, ...engine]),
    );
    assertEquals([outcome.status, outcome.stderr], [0, ""]);
  }
  const [first, second] = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  await Promise.all(files.map((file) => Deno.remove(file)));
  assertMatch(first, /^10000000 [0-9a-f]{16}\n20000000 \S+\n30000000 \S+\n40000000 \S+\n$/);
  assertEquals(second, first);
});

Deno.test("run takes a machine from a file, with paths from its folder, and flags override it", async () => {
  await withProgram(finisherProgram(0x0009_3333), async (_path, folder) => {
    await Deno.writeTextFile(
      join(folder, "machine.json"),
      '{"bios":"program","memory":"2M","harts":2,"until-cycle":0}',
    );
    const args = ["run", "--machine", join(folder, "machine.json")];
    assertEquals((await hindsight(args)).status, 0);
    const { status, stderr } = await hindsight([...args, "--until-cycle", "100000"]);
    assertEquals([status, stderr], [1, "guest failed with status 9\n"]);
  });
});

Deno.test("demo goes from the crash of the built-in guest back to its cause, the same in every run", async () => {
  const startMs = performance.now();
  const { status, stdout, stderr } = await hindsight(["demo"]);
  assertEquals([status, stderr], [0, ""]);
  assert(stdout.includes("pocket: panic: load page fault in task ledger"), stdout);
  // The trap, the load of the pointer, and the stray store, which is another task's.
  assertMatch(stdout, /state digests match/);
  assertMatch(stdout, /in audit\+0x24:\n.*reads address 0x15390f/);
  assertMatch(stdout, /in audit\+0x1c loads it from 0x800040e0/);
  assertMatch(stdout, /in note_alarm\+0x28, another task, overwrites it/);
  assert(stdout.split("\n").length < 30, stdout);
  assert(performance.now() - startMs < 15_000);
  assertEquals((await hindsight(["demo"])).stdout, stdout);
});

Deno.test("help names every command and flag; --version the version", async () => {
  const { status, stdout } = await hindsight(["help"]);
  assertEquals(status, 0);
  for (const word of ["demo", "guest", "run", "--disk-timing", "--tlb-entries", "Exit status"]) {
    assert(stdout.includes(word), word);
  }
  assertEquals((await hindsight(["run", "--help"])).stdout, stdout);
  assertMatch((await hindsight(["--version"])).stdout, /^hindsight \d+\.\d+\.\d+\n$/);
});
