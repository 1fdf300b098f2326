/** What the ISA and the SBI oblige a guest to: real systems keep it, and what does not is found. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { buildGuests } from "../../guests/build.ts";
import { imageUrl } from "../../guests/images.ts";
import { assembleProgram } from "../conformance/program.ts";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hasPeer } from "../peer.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const FENCE_I = "RISC-V unprivileged, Zifencei";
const SFENCE_VMA = "RISC-V privileged, 12.2.1";
const KERNEL = 0x8020_0000;

interface Found {
  readonly rule: string;
  readonly hart: number;
  readonly count: number;
}

/** Records a machine, and gives the rules that it breaks. */
async function breachesOf(machine: readonly string[]): Promise<Found[]> {
  let found: Found[] = [];
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    const recorded = await hindsight(["record", ...machine, "-o", path]);
    assertEquals(recorded.status, 0, recorded.stdout + recorded.stderr);
    const { stdout, stderr } = await hindsight(["events", path, "--kind", "breach", "--json"]);
    assertEquals(stderr, "");
    found = JSON.parse(stdout);
  });
  return found;
}

const churn = (command: string) => [
  ...["--guest", "debian", "--harts", "4", "--run", command],
  ...["--copy", `${fromFileUrl(imageUrl("churn"))}:/root/churn`],
];

Deno.test("Linux fences all that four threads change under each other's feet", async () => {
  if (await preparedGuest() === undefined) return;
  assertEquals(await breachesOf(churn("./churn")), []);
});

Deno.test("a program on Linux that does not ask for the fences of its code", async () => {
  if (await preparedGuest() === undefined) return;
  const found = await breachesOf(churn("./churn forgets"));
  assert(found.every(({ rule }) => rule === FENCE_I));
  assertEquals(new Set(found.map(({ hart }) => hart)), new Set([0, 1, 2, 3]));
});

Deno.test("fences breaks both rules, and with its fences neither", async () => {
  const found = await breachesOf(["--bios", fromFileUrl(imageUrl("fences")), "--memory", "16M"]);
  assertEquals(new Set(found.map(({ rule }) => rule)), new Set([SFENCE_VMA, FENCE_I]));
  for (const { count } of found) assert(count > 1000, `${count}`);
  if (!await hasPeer("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")) return;
  await inFolder(async (folder) => {
    await buildGuests(["fences"], folder, ["FENCES"]);
    const kept = await breachesOf(["--bios", join(folder, "fences.elf"), "--memory", "16M"]);
    assertEquals(kept, []);
  });
});

/** Supervisor code that OpenSBI starts, as a flat kernel; it powers off when it is done. */
async function breachesUnderOpenSbi(text: string): Promise<string[]> {
  const guest = await preparedGuest();
  if (guest === undefined) return [];
  let rules: string[] = [];
  await inFolder(async (folder) => {
    const kernel = join(folder, "kernel");
    const { bytes } = assembleProgram(
      `${text}\nli a7, 0x53525354\nli a6, 0\nli a0, 0\nli a1, 0\necall\nend: j end`,
      KERNEL,
    );
    await Deno.writeFile(kernel, bytes);
    const machine = ["--bios", guest.firmwareJump, "--kernel", kernel, "--harts", "2"];
    rules = (await breachesOf(machine)).map(({ rule }) => rule);
  });
  return rules;
}

const call = (eid: string, fid: number, ...args: (number | string)[]) =>
  [
    ...args.map((arg, i) => `li a${i}, ${arg}`),
    `li a7, ${eid}`,
    `li a6, ${fid}`,
    "ecall",
  ].join("\n");
const [BASE, IPI, HSM] = ["0x10", "0x735049", "0x48534d"];
const VERSION = call(BASE, 0);

Deno.test("OpenSBI refuses what is against the SBI", async () => {
  if (await preparedGuest() === undefined) return;
  const wrong = [
    call("0x1234", 0),
    `${call(BASE, 3, HSM)}\n${call(HSM, 9)}`,
    call(HSM, 0, 7, KERNEL, 0),
    // Whichever hart this is, it has started.
    `mv a0, s0\nli a1, ${KERNEL}\nli a2, 0\nli a7, ${HSM}\nli a6, 0\necall`,
    call(HSM, 3, 1),
  ];
  const rules = await breachesUnderOpenSbi(["mv s0, a0", VERSION, ...wrong].join("\n"));
  assertEquals(rules, ["4.4", "3", "9.1", "9.1", "9.4"].map((section) => `SBI 2.0, ${section}`));
  const right = [
    VERSION,
    call(BASE, 3, "0x1234"),
    call(BASE, 3, IPI),
    call(IPI, 0, 1, 0),
    call(HSM, 2, 0),
  ];
  assertEquals(await breachesUnderOpenSbi(right.join("\n")), []);
});
