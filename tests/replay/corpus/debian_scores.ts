/** Debian's cases, recorded and judged one after another from one boot. */
import { join } from "@std/path";
import type { DebianGuest } from "../../../guests/debian/deno/guest.ts";
import { DebianBoot } from "./debian_boot.ts";
import { type DebianSpecimen, recordDebian } from "./debian_specimen.ts";
import { withoutPlan } from "./disguise.ts";
import { judge } from "./judge.ts";
import { type Score, score } from "./score.ts";

/** @param isDisguised nothing is left of the plan; the kernel keeps its names, for it prints and is judged by them */
export async function* debianScores(
  guest: DebianGuest,
  specimens: Iterable<DebianSpecimen>,
  isDisguised = false,
): AsyncGenerator<Score> {
  const folder = await Deno.makeTempDir();
  const boot = await DebianBoot.open(guest);
  try {
    for (const specimen of specimens) {
      const recorded = await recordDebian(boot, specimen, join(folder, "case.hsr"));
      const recording = isDisguised ? withoutPlan(recorded) : recorded;
      yield score(specimen.name, await judge(recording, boot.after(recording.log)));
    }
  } finally {
    boot.close();
    await Deno.remove(folder, { recursive: true });
  }
}
