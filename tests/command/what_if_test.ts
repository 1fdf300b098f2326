/** Faults from a plan on the command line, and what-if about them. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { DISK } from "../replay/faults/fragile.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const BIOS = ["--bios", imageUrl("fragile").pathname, "--memory", "16M", "--disk-timing", "model"];

Deno.test("a planned fault is recorded, verifies without its plan, and is judged", async () => {
  await inFolder(async (folder) => {
    const [disk, plan, path] = ["disk", "plan.json", "it.hsr"].map((name) => join(folder, name));
    await Deno.writeFile(disk, DISK);
    const faults = ["read-error", "lost-flush"].map((fault) => ({ disk: "disk0", fault }));
    await Deno.writeTextFile(plan, JSON.stringify({ disk: faults }));
    const machine = [...BIOS, "--disk", disk, "--faults", plan];
    const recorded = await hindsight(["record", ...machine, "-o", path]);
    assertEquals([recorded.status, recorded.stderr], [1, "guest failed with status 2\n"]);
    await Deno.remove(plan);
    const verified = await hindsight(["verify", path]);
    assertEquals([verified.status, verified.stderr], [0, ""]);

    const judge = async (...flags: string[]) => {
      const { status, stdout, stderr } = await hindsight(["what-if", path, "--json", ...flags]);
      assertEquals([status, stderr], [0, ""]);
      return JSON.parse(stdout);
    };
    const alone = await judge("--without", "m/host#0");
    assertEquals(alone.outcome, "undetermined");
    assertMatch(alone.reason, /^block 1 of disk0 is not recorded/);
    const { outcome, control, without, removed } = await judge(
      ...["--without-class", "disk", "--disk", disk],
    );
    assertEquals([outcome, removed], ["necessary", ["m/host#0"]]);
    assertEquals([control.from, without.end], [0, "the guest powered off"]);

    const refused = async (args: string[], line: RegExp) => {
      const { status, stderr } = await hindsight(["what-if", path, ...args]);
      assertEquals(status, 2, stderr);
      assertMatch(stderr, line);
    };
    await refused(
      ["--without", "m/host#7"],
      /--without m\/host#7: .* no such host event; .* m\/host#0/,
    );
    await refused(["--shorten", "m/host#0"], /--shorten m\/host#0: EVENT=CYCLES is needed/);
    await refused(["--shorten", "m/host#0=5"], /--shorten m\/host#0=5: m\/host#0 is no delay/);
    await refused(["--without", "m/disk0#0"], /the event behind it is m\/host#0/);
    await refused(["--without-class", "memory"], /it\.hsr has injected, disk/);
    await Deno.writeFile(disk, DISK.slice().fill(1, 0, 8));
    await refused(["--without", "m/host#0", "--disk", disk], /block 0 of disk0 is another/);
  });
});

Deno.test("a plan that cannot be is refused in one line, before anything runs", async () => {
  await inFolder(async (folder) => {
    const [disk, plan] = [join(folder, "disk"), join(folder, "plan.json")];
    await Deno.writeFile(disk, DISK);
    const cases: [plan: unknown, line: RegExp][] = [
      [{ dsik: [] }, /unknown field "dsik"; did you mean disk\?/],
      [{ disk: [{ disk: "disk1", fault: "bit-rot" }] }, /disk\.0: the machine has no disk1/],
      [{ disk: [{ disk: "disk0", fault: "rot" }] }, /disk\.0\.fault: one of read-error, /],
      [
        { disk: [{ disk: "disk0", fault: "latency", bit: 1 }] },
        /"latency" has no bit; bit-rot has/,
      ],
      [
        { disk: [{ disk: "disk0", fault: "bit-rot", sectors: [0, 2048] }] },
        /disk0 has 2048 sectors/,
      ],
      [{ memory: [{ at: 0, address: "0x81000000", bit: 0 }] }, /RAM is 0x80000000 to 0x80ffffff/],
      [{ memory: [{ at: -1, address: 0, bit: 0 }] }, /memory\.0\.at: a whole number from 0/],
      [{ hart: [{ at: 0, hart: 1, for: 1 }] }, /hart\.0: the machine has the harts 0 to 0/],
      [
        { interrupt: [{ at: 0, device: "net0", fault: "lost" }] },
        /"net0" has no interrupt; .*uart0/,
      ],
      [
        { interrupt: [{ at: 0, device: "uart0", fault: "late" }] },
        /"late", and it alone, has "for"/,
      ],
      [{ console: [{ device: "disk0", from: 0, for: 1 }] }, /uart0 or console0 is needed/],
    ];
    const { faultPlan, readFaultPlan } = await import("../../command/faults.ts");
    const disks = [{ sizeBytes: DISK.length }];
    const config = {
      memoryBytes: 16 << 20,
      harts: 1,
      seed: 0,
      diskTiming: "model",
      disks,
    } as const;
    for (const [content, line] of cases) {
      await Deno.writeTextFile(plan, JSON.stringify(content));
      let message = "nothing";
      try {
        faultPlan(readFaultPlan(plan), config);
      } catch (error) {
        message = (error as Error).message;
      }
      assertMatch(message, line);
    }
    // The last one on the command line too.
    const { status, stderr } = await hindsight(
      ["record", ...BIOS, "--disk", disk, "--faults", plan, "-o", join(folder, "it.hsr")],
    );
    assertEquals([status, stderr.split("\n").length], [2, 2]);
    assertMatch(stderr, /--faults: console\.0: uart0 or console0 is needed, not "disk0"/);
  });
});
