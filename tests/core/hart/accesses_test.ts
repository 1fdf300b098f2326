/**
 * The access lists of core/isa/accesses.ts hold on the engine.
 *
 * Every instruction runs alone from many random states. What changed must be declared as written;
 * what is not declared as read must not matter; and each declared read and write is seen to happen,
 * so that no list is larger than the truth.
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { INSTRUCTIONS } from "../../../core/isa/isa.ts";
import { mnemonicOf } from "../../../core/isa/expansion.ts";
import { Trial } from "./trial.ts";
import { Coverage, type Declared, declaredOf, type Source } from "./trial_declared.ts";
import { type Observed, TrialRig } from "./trial_rig.ts";

const SEED = 0x5eed_acce;
const TRIALS_MIN = 60;
const TRIALS_MAX = 4000;

/**
 * Declared, and never seen. A conversion that cannot be inexact raises no flag: every integer of 32
 * bits is a binary64. And translations are coherent by definition, so that the address and the
 * address space that `sfence.vma` names make no difference here; its list is for those who look for
 * a missing one.
 */
const NEVER_SEEN: { readonly [mnemonic: string]: readonly string[] } = {
  "fcvt.d.w": ["write csr fflags"],
  "fcvt.d.wu": ["write csr fflags"],
  "sfence.vma": ["read x rs1", "read x rs2"],
};

Deno.test("accesses() of every instruction are those that the engine makes", async () => {
  const rig = await TrialRig.create();
  for (const [index, instruction] of INSTRUCTIONS.entries()) {
    const mnemonic = mnemonicOf(instruction.syntax);
    const declared = declaredOf(instruction);
    const random = new Random(SEED + index);
    const missing = new Coverage(declared.all, NEVER_SEEN[mnemonic] ?? []);
    for (let n = 0; n < TRIALS_MIN || (missing.size > 0 && n < TRIALS_MAX); n++) {
      const trial = new Trial(index, declared, random);
      const where = `${mnemonic}, seed 0x${SEED.toString(16)}, trial ${n}: ${trial}`;
      const observed = await rig.run(trial);
      await checkWrites(observed, declared, where, missing);
      await checkOthersDoNotMatter(rig, trial, observed, where);
      await checkReadsMatter(rig, trial, declared.reads, observed, missing);
    }
    assertEquals(missing.names(), [], `${mnemonic}: declared, but never seen`);
  }
});

/** What changed is declared as written, and goes where the list says. */
function checkWrites(seen: Observed, declared: Declared, where: string, missing: Coverage): void {
  for (const change of seen.changes) {
    assert(
      seen.trapped ? change.byTrap : declared.writes.has(change.name),
      `${where} changed ${change.name}${change.detail}`,
    );
    if (!seen.trapped) missing.delete(`write ${change.name}`);
  }
  if (declared.pc === "next" && !seen.trapped) {
    assertEquals(seen.pc, seen.next, `${where}: it does not go on at the next instruction`);
  }
  if (declared.pc === "trap") assert(seen.trapped, `${where} did not trap`);
  if (seen.pc !== seen.next) missing.delete(`pc ${declared.pc}`);
  assertEquals(seen.busAccesses, seen.busExpected, `${where}: accesses to the device`);
  if (seen.busAccesses.length > 0) missing.delete("device");
}

/** Changing all that is not declared as read changes nothing in what is written. */
async function checkOthersDoNotMatter(
  rig: TrialRig,
  trial: Trial,
  observed: Observed,
  where: string,
): Promise<void> {
  const other = await rig.run(trial.withOthersChanged());
  assertEquals(other.outputs, observed.outputs, `${where}: something undeclared matters`);
  // Flags are only ever added: those raised from none are those raised from any.
  if (trial.declared.csrsWritten.includes("fflags") && !other.trapped) {
    assertEquals(other.flags[1], other.flags[0] | observed.flags[1], `${where}: flags raised`);
  }
}

/** Changing one declared read alone changes what is written, at least once in all trials. */
async function checkReadsMatter(
  rig: TrialRig,
  trial: Trial,
  reads: readonly Source[],
  observed: Observed,
  missing: Coverage,
): Promise<void> {
  for (const source of reads) {
    if (!missing.has(source.name) || !trial.isolates(source)) continue;
    const other = await rig.run(trial.withChanged(source));
    if (other.outputs !== observed.outputs) missing.delete(source.name);
  }
}
