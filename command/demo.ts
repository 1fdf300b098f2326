/** `hindsight demo`: records the built-in guest's crash and steps back from it to its cause. */
import { printLine } from "../devices/deno/terminal.ts";
import { dim } from "@std/fmt/colors";
import { decode } from "../core/isa/decode.ts";
import { disassemble } from "../core/isa/disassemble.ts";
import { INSTRUCTIONS } from "../core/isa/isa.ts";
import { X_NAMES } from "../core/isa/registers.ts";
import { elfSymbols } from "../debugger/symbols/elf_symbols.ts";
import { placeText, type Symbols } from "../debugger/symbols/symbols.ts";
import { imageUrl } from "../guests/images.ts";
import type { MachineCursor } from "../replay/machine_cursor.ts";
import { replay } from "../replay/replayer.ts";
import { Timeline } from "../replay/timeline.ts";
import { bootOf } from "./boot_files.ts";
import { HostError, STATUS, UsageError } from "./errors.ts";
import { type OpenRecording, openRecording, RecordingTarget } from "./recording_file.ts";
import { runMachine } from "./run_machine.ts";

const HART = 0;
/** Instructions between the load of a bad pointer and its use, at most. */
const STEPS_MAX = 1000;
/** Of the guest's console, the lines that are shown. */
const FIRST_LINES = 2;
const LAST_LINES = 3;

/** @returns the exit status: 0 if the guest crashed as it is built to, and the cause was found */
export async function demo(args: readonly string[]): Promise<number> {
  const [which, ...rest] = args;
  if (which === "flaky" && rest.length === 0) {
    return await (await import("./demo_flaky.ts")).demoFlaky();
  }
  if (which !== undefined) {
    throw new UsageError(`demo takes nothing or flaky, not "${args.join(" ")}"`);
  }
  const path = await Deno.makeTempFile({ prefix: "hindsight-demo-", suffix: ".hsr" });
  try {
    await record(path);
    const recording = await openRecording(path);
    await verify(recording);
    const found = await investigate(recording);
    return found ? STATUS.ok : STATUS.guestFailed;
  } finally {
    await Deno.remove(path);
  }
}

function say(text: string): void {
  printLine(text);
}

/** Runs pocket until it crashes. */
async function record(path: string): Promise<void> {
  say("Recording pocket, a small kernel with two tasks …");
  const decoder = new TextDecoder();
  let text = "";
  const target = await RecordingTarget.create(path, true);
  try {
    const { cycle } = await runMachine({
      boot: await bootOf({ guest: "pocket" }, () => {
        throw new HostError("the demo needs no Debian");
      }),
      harts: 1,
      seed: 0,
      timing: "model",
      onConsole: (bytes) => text += decoder.decode(bytes, { stream: true }),
      record: target.record,
    });
    const lines = text.replaceAll("\r", "").split("\n");
    const panic = lines.findIndex((line) => line.includes("panic"));
    const shown = [
      ...lines.slice(0, FIRST_LINES),
      "…",
      ...lines.slice(Math.max(FIRST_LINES, panic + 2 - LAST_LINES), panic + 2),
    ];
    for (const line of shown) say(`  ${Deno.stdout.isTerminal() ? dim(line) : line}`);
    say(`It crashed after ${milliseconds(cycle)} of its time. That is on file now, for ever.`);
  } finally {
    target.close();
  }
}

async function verify({ log, build, outputHash }: OpenRecording): Promise<void> {
  const { digest, digestCount } = await replay(log, build, { check: outputHash });
  say(`Replayed: all ${digestCount} state digests match, the last is ${digest}.\n`);
}

/** From the crash back to the store that caused it; false if the trail is lost. */
async function investigate({ log, build, config }: OpenRecording): Promise<boolean> {
  const timeline = new Timeline({
    log,
    harts: config.harts,
    createMachine: (host) => build(host, () => {}),
  });
  const symbols = elfSymbols(await Deno.readFile(imageUrl("pocket")));
  const cursor = await timeline.cursor(log.endCycle);
  try {
    return await follow(cursor, symbols);
  } finally {
    cursor.close();
    timeline.close();
  }
}

async function follow(cursor: MachineCursor, symbols: Symbols): Promise<boolean> {
  const place = (address: bigint) => {
    const nearest = symbols.nearest(address);
    return nearest ? placeText(nearest) : `0x${address.toString(16)}`;
  };
  // 1. Back to the instruction that trapped.
  const trapped = cursor.readRegister(HART, "sepc");
  const bad = cursor.readRegister(HART, "stval");
  await cursor.reverseContinue({ breakpoints: new Set([trapped]), watchpoints: [] });
  const use = instructionAt(cursor);
  const crash = cursor.cycle;
  if (use === undefined) return false;
  say(`Backward to the trap, cycle ${crash}, in ${place(trapped)}:`);
  say(`  ${use.text}   reads address 0x${bad.toString(16)}: ${X_NAMES[use.rs1]} is no pointer.`);

  // 2. Back to the load of that register.
  let source: { address: bigint; text: string; pc: bigint } | undefined;
  for (let steps = 0; steps < STEPS_MAX && source === undefined; steps++) {
    await cursor.reverseStep(HART);
    const load = instructionAt(cursor);
    if (load?.isLoad && load.rd === use.rs1) {
      const base = cursor.readRegister(HART, `x${load.rs1}`);
      source = {
        address: BigInt.asUintN(64, base + BigInt(load.imm)),
        text: load.text,
        pc: cursor.readRegister(HART, "pc"),
      };
    }
  }
  const physical = source && cursor.translate(HART, source.address);
  if (source === undefined || physical === undefined) return false;
  say(`Backward to where it came from, ${crash - cursor.cycle} cycles before:`);
  say(`  ${source.text}   in ${place(source.pc)} loads it from 0x${source.address.toString(16)}.`);

  // 3. Back to the store into that word.
  const value = word(cursor, physical);
  const watch = { address: physical, sizeBytes: 8, kind: "write" as const };
  const arrival = await cursor.reverseContinue({ breakpoints: new Set(), watchpoints: [watch] });
  const store = instructionAt(cursor);
  if (arrival.reason !== "watchpoint" || store === undefined) return false;
  const writer = cursor.readRegister(HART, "pc");
  const before = word(cursor, physical);
  const apart = crash - cursor.cycle;
  say(
    `A watchpoint on that word, and backward once more: ${milliseconds(apart)} before the crash,`,
  );
  say(`  ${store.text}   in ${place(writer)}, another task, overwrites it:`);
  say(
    `  it was 0x${before.toString(16)}, a pointer of the ledger; it becomes the time of an alarm,`,
  );
  say(
    `  0x${value.toString(16)}, for which the sampler's table of 16 alarms had no room any more.\n`,
  );
  say("guests/README.md tells what is wrong in the source. Your turn:");
  say("  npx -y deno@2.9.6 run -A main.ts record --guest pocket -o crash.hsr");
  say("  npx -y deno@2.9.6 run -A main.ts debug crash.hsr --gdb 127.0.0.1:1234");
  return true;
}

/** The instruction that the hart is about to execute. */
export function instructionAt(cursor: MachineCursor) {
  const pc = cursor.readRegister(HART, "pc");
  const physical = cursor.translate(HART, pc);
  const bytes = physical === undefined ? undefined : cursor.readMemory(physical, 4);
  if (bytes === undefined) return undefined;
  const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const decoded = decode(word);
  if (decoded === undefined) return undefined;
  const { index, rd, rs1, imm } = decoded;
  const isLoad = INSTRUCTIONS[index].effects.some((effect) =>
    effect.op === "setX" && effect.value.op === "load"
  );
  return { rd, rs1, imm, isLoad, text: disassemble(word, pc).replaceAll("\t", " ") };
}

export function word(cursor: MachineCursor, physical: number): bigint {
  const bytes = cursor.readMemory(physical, 8)!;
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

function milliseconds(cycles: number): string {
  return `${Math.round(cycles / 1e6)} ms`;
}
