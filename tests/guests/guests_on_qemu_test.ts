/** What our guests print under QEMU: the reference for what they must print on our machine. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ImageName, imageUrl } from "../../guests/images.ts";
import { buildGuests } from "../../guests/build.ts";
import { hasPeer } from "../peer.ts";

async function runOnQemu(
  image: ImageName | URL,
  ...options: string[]
): Promise<{ code: number; text: string } | undefined> {
  if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return undefined;
  const url = image instanceof URL ? image : imageUrl(image);
  const machine = ["-M", "virt", "-nographic", "-bios", url.pathname];
  const command = new Deno.Command("qemu-system-riscv64", {
    args: [...machine, ...options],
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  });
  const { code, stdout } = await command.output();
  return { code, text: new TextDecoder().decode(stdout) };
}

Deno.test("pocket crashes in task ledger, through a pointer that is a time", async () => {
  const result = await runOnQemu("pocket", "-icount", "shift=0,sleep=off");
  if (!result) return;
  assertEquals(result.code, 1);
  assertStringIncludes(result.text, "ledger: audit\r\n");
  assertStringIncludes(result.text, "pocket: panic: load page fault in task ledger\r\n");
  // The 17th alarm came in the 142nd millisecond: 1.4 million ticks of the 10 MHz timebase.
  assertMatch(result.text, /stval 0x000000000015[0-9a-f]{4}/);
});

Deno.test("timer and trap find nothing wrong", async () => {
  const timer = await runOnQemu("timer", "-icount", "shift=0,sleep=off");
  if (!timer) return;
  assertEquals(timer.code, 0, timer.text);
  assertStringIncludes(timer.text, "interrupts=300, asked=397940");
  const trap = await runOnQemu("trap");
  assertEquals(trap?.code, 0);
  assertStringIncludes(trap?.text ?? "", "trap: checksum=6fc6ac8397950a20");
});

Deno.test("race loses nothing where interrupts come between blocks only", async () => {
  // QEMU without -icount; determinism_test.ts: what is lost on our machine, in every tier.
  const plain = await runOnQemu("race");
  if (!plain) return;
  assertEquals(plain.code, 0);
  assertMatch(plain.text, /race: lost 0 of \d{5,}/);
  // With -icount a block is cut where a timer is due: as many are lost as on our machine.
  const exact = await runOnQemu("race", "-icount", "shift=0,sleep=off");
  assertMatch(exact?.text ?? "", /race: lost 8400 of \d{6}/);
});

Deno.test("smp counts exactly on one and on two harts", async () => {
  for (const harts of [1, 2]) {
    const result = await runOnQemu("smp", "-smp", String(harts));
    if (!result) return;
    assertEquals(result.code, 0, result.text);
    assertStringIncludes(result.text, `smp: harts=${harts}, amo=${harts * 10000}, `);
  }
});

Deno.test("fences, built with its fences, sees every change", async () => {
  if (!await hasPeer("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")) return;
  const folder = await Deno.makeTempDir();
  try {
    await buildGuests(["fences"], folder, ["FENCES"]);
    const result = await runOnQemu(new URL(`file://${folder}/fences.elf`));
    if (!result) return;
    // The committed image has no fences and must print the same on our machine.
    assertStringIncludes(result.text, "checksum=540c231e10389d1a, mismatches=0, faults=14995");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
