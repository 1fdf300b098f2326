/**
 * `hindsight demo flaky`: two guests fail now and then. A hunt finds a run that does, minimise what of
 * the network's doings it needs, and the recording how it comes about: backward from the crash.
 */
import { fromFileUrl, join } from "@std/path";
import { printLine as say } from "../devices/deno/terminal.ts";
import { X_NAMES } from "../core/isa/registers.ts";
import { elfSymbols } from "../debugger/symbols/elf_symbols.ts";
import { KernelSymbols } from "../debugger/symbols/kernel_symbols.ts";
import { placeText, type Symbols } from "../debugger/symbols/symbols.ts";
import { imageUrl } from "../guests/images.ts";
import type { MachineCursor } from "../replay/machine_cursor.ts";
import type { Log } from "../replay/log.ts";
import { Timeline } from "../replay/timeline.ts";
import { instructionAt, word } from "./demo.ts";
import { STATUS } from "./errors.ts";
import { parseFlags } from "./flags.ts";
import { bootToFork } from "./hunt/boot.ts";
import { runCrew } from "./hunt/crew.ts";
import { HuntedMachine } from "./hunt/machine.ts";
import { Minimiser } from "./hunt/minimiser.ts";
import type { Assignment, Fork } from "./hunt/specimen.ts";
import { type Hunted, huntedOf } from "./hunt/specimen_of.ts";
import { failOnOf, type Outcome } from "./hunt/verdict.ts";
import { LAB_FLAGS } from "./lab_flags.ts";
import { openLab } from "./recorded_lab.ts";
import { openRecording, readRecordedFile } from "./recording_file.ts";

const LAB = fromFileUrl(new URL("../guests/labs/flaky.json", import.meta.url));
const SEEDS_MAX = 2000;
const LIMIT_CYCLES = 10_000_000_000;
const GUEST = "teller";
const HART = 0;
const STEPS_MAX = 1000;
/** Of `struct receipt` and `struct request`, guests/flaky/teller.c. */
const BEFORE_OFFSET = 40n;

/** @returns the exit status: 0 if a run failed as it does, and the cause was found */
export async function demoFlaky(): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "hindsight-flaky-" });
  try {
    const failed = await huntOne(folder);
    if (failed === undefined) return STATUS.guestFailed;
    const minimal = join(folder, "minimal.hsr");
    await minimiseIt(failed, minimal);
    return await investigate(minimal) ? STATUS.ok : STATUS.guestFailed;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs with one seed after another until one fails. @returns its recording */
async function huntOne(folder: string): Promise<string | undefined> {
  say("Two Debian guests, a bank and its teller, on a network that reorders 0.3 % of the teller's");
  say("frames and loses 0.1 %. Booting them once …");
  const hunted = await huntedOf(parseFlags(["--lab", LAB], LAB_FLAGS));
  const assignment: Assignment = {
    specimen: hunted.specimen,
    fork: await boot(hunted),
    options: { failOn: failOnOf([]), limit: LIMIT_CYCLES, steal: true },
  };
  const pathOf = (seed: number) => join(folder, `seed-${seed}.hsr`);
  const found = new AbortController();
  let [count, failed]: [number, Outcome | undefined] = [0, undefined];
  await runCrew(assignment, {
    jobs: navigator.hardwareConcurrency,
    seeds: Array.from({ length: SEEDS_MAX }, (_, index) => index + 1),
    pathOf,
    onOutcome: (outcome) => {
      if (failed === undefined) count++;
      if (!outcome.isFailure) return;
      failed ??= outcome;
      found.abort();
    },
    signal: found.signal,
  });
  if (failed === undefined) return undefined;
  const { seed, what, guest, cycle } = failed as Outcome;
  say(
    `From there on with one seed after another: ${count - 1} runs are well, and with seed ${seed}`,
  );
  say(
    `the ${guest} ends with ${what}, a segmentation fault, at cycle ${cycle}. That is on file.\n`,
  );
  return pathOf(seed);
}

async function boot({ specimen, forkAt }: Hunted): Promise<Fork> {
  const machines = await HuntedMachine.openAll(specimen.guests);
  try {
    return await bootToFork(specimen, machines, { forkAt, onProgress: () => {} });
  } finally {
    for (const machine of machines) machine.close();
  }
}

async function minimiseIt(path: string, target: string): Promise<void> {
  const { lab } = readRecordedFile(path);
  const options = { failOn: failOnOf([]), limit: LIMIT_CYCLES };
  const minimiser = await Minimiser.open(await openLab(path, lab!), options);
  try {
    const kept = await minimiser.minimise();
    const { events } = await minimiser.record(kept, target);
    const { candidates, runCount } = minimiser;
    say(
      `Frames impaired, and times that harts lost: ${candidates.length}. ${runCount} runs with some of them:`,
    );
    say("it fails with these alone, and without any one of them it does not:");
    for (const { cycle, id } of events) say(`  cycle ${cycle}  ${id}`);
    say("");
  } finally {
    minimiser.close();
  }
}

/** From the crash back to the bad free; false if the trail is lost. */
export async function investigate(path: string): Promise<boolean> {
  const { log, config, build, stored } = await openRecording(path, { guest: GUEST });
  const timeline = new Timeline({
    log,
    harts: config.harts,
    createMachine: (host) => build(host),
    stored,
  });
  const cursor = await timeline.cursor(log.endCycle);
  try {
    return await follow(cursor, elfSymbols(await Deno.readFile(imageUrl(GUEST))), log);
  } finally {
    cursor.close();
    timeline.close();
  }
}

async function follow(
  cursor: MachineCursor,
  symbols: Symbols,
  { entries }: Pick<Log, "entries">,
): Promise<boolean> {
  const place = (address: bigint) => {
    const nearest = symbols.nearest(address);
    return nearest ? placeText(nearest) : hex(address);
  };
  const pc = () => cursor.readRegister(HART, "pc");
  // 1. Back to the kernel's signal, and to the instruction that it is for.
  const signal = new KernelSymbols(cursor).address("force_sig_fault");
  if (signal === undefined) return false;
  await cursor.reverseContinue({ breakpoints: new Set([signal]), watchpoints: [] });
  const trapped = cursor.readRegister(HART, "sepc");
  const bad = cursor.readRegister(HART, "x12"); // its third argument
  await cursor.reverseContinue({ breakpoints: new Set([trapped]), watchpoints: [] });
  const crash = cursor.cycle;
  const use = instructionAt(cursor);
  if (use === undefined || pc() !== trapped) return false;
  say(`Backward from the end to the fault, cycle ${crash}, in ${place(trapped)}:`);
  say(`  ${use.text}   reads ${hex(bad)}, where nothing is.`);

  // 2. Back to where that pointer came from.
  const source = await loadOf(cursor, use.rs1);
  if (source === undefined) return false;
  const physical = cursor.translate(HART, source);
  if (physical === undefined) return false;
  say(`It came from ${hex(source)}: \`before\` of a receipt, ${hex(word(cursor, physical))}.`);

  // 3. Back to who wrote it last.
  const watch = (address: number) => ({
    breakpoints: new Set<bigint>(),
    watchpoints: [{ address, sizeBytes: 8, kind: "write" as const }],
  });
  const arrival = await cursor.reverseContinue(watch(physical));
  const store = instructionAt(cursor);
  if (arrival.reason !== "watchpoint" || store === undefined) return false;
  say(
    `A watchpoint on it, and backward: ${micro(crash - cursor.cycle)} before, ${
      place(pc())
    } counts`,
  );
  say(`  ${store.text}   up what it takes for a request's number of overtakings. The`);
  say(
    `  pointer was ${
      hex(word(cursor, physical))
    } until then: the request is gone, the block a receipt's.`,
  );

  // 4. Back to who freed it: the allocator links free blocks by their first word.
  const block = cursor.translate(HART, source - BEFORE_OFFSET);
  if (block === undefined) return false;
  for (;;) {
    const { reason } = await cursor.reverseContinue(watch(block));
    if (reason !== "watchpoint") return false;
    if (symbols.nearest(pc())?.name === "free") break;
  }
  const caller = cursor.readRegister(HART, "x1");
  const suspect = cursor.translate(HART, symbols.address("suspect")!)!;
  say(
    `A watchpoint on the block's first word, and backward to its free, called in ${place(caller)},`,
  );
  const isSuspect = word(cursor, suspect) === source - BEFORE_OFFSET;
  if (!isSuspect) return false;
  say(
    `  cycle ${cursor.cycle}: \`suspect\` is ${
      hex(word(cursor, suspect))
    }, that very block, and stays so.`,
  );

  // 5. What the teller had just been told.
  const heard = entries.findLast(({ cycle, kind }) => cycle < cursor.cycle && kind === "input");
  if (heard?.kind === "input" && heard.input.kind === "frame") {
    say(`  The teller had just heard ${heard.input.sent}, an answer that came out of turn.\n`);
  }
  say("guests/README.md tells what is wrong in the source. Your turn:");
  say("  deno run -A main.ts hunt --lab guests/labs/flaky.json --seeds 1..200");
  return true;
}

/** Steps back to the load that gave a register its value, through moves. @returns from where it loads */
async function loadOf(cursor: MachineCursor, register: number): Promise<bigint | undefined> {
  let wanted = register;
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    await cursor.reverseStep(HART);
    const at = instructionAt(cursor);
    if (at === undefined || at.rd !== wanted) continue;
    if (at.isLoad) {
      const base = cursor.readRegister(HART, `x${at.rs1}`);
      return BigInt.asUintN(64, base + BigInt(at.imm));
    }
    const [, from] = /^c?\.?mv .*,\s*(\w+)$/.exec(at.text) ?? [];
    if (from === undefined) return undefined;
    wanted = X_NAMES.indexOf(from);
  }
  return undefined;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function micro(cycles: number): string {
  return `${Math.round(cycles / 1000)} µs`;
}
