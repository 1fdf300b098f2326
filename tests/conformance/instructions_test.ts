/** Random instructions of every mnemonic: the same registers, flags and memory as on QEMU 7.2. */
import { assert, assertEquals } from "@std/assert";
import { disassemble } from "../../core/isa/disassemble.ts";
import { Random, seedFor } from "../../core/random.ts";
import { hasPeer } from "../peer.ts";
import { recordAddress, runHashes, runState, SLOT_INSTRUCTION, STATE } from "./case_runner.ts";
import { random64 } from "./floats.ts";
import { OUR_MACHINES, type RunImage, runOnQemu } from "./machines.ts";
import {
  ALL_FORMS,
  illegalCase,
  isFloatingPoint,
  type RandomCase,
  randomCase,
} from "./random_cases.ts";

const SEED = 20_261_122;
const ROUNDING_MODES = [0, 1, 2, 3, 4];
const FAILURES_SHOWN = 8;

/** Per mnemonic; of a floating-point one in each rounding mode. Compiling all of it costs milliseconds a case. */
const CASES_PER_MNEMONIC = { all: 300, compiled: 3 };

for (const { name, run, threshold } of OUR_MACHINES) {
  Deno.test(`every instruction does what QEMU does, ${name}`, async () => {
    if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
    const { all, compiled } = CASES_PER_MNEMONIC;
    const cases = allCases(threshold === undefined ? all : compiled);
    const template = randomTemplate();
    const [theirs, ours] = [
      await runHashes(runOnQemu, cases, template),
      await runHashes(run, cases, template),
    ];
    const different = cases.map((_, i) => i).filter((i) => ours[i] !== theirs[i]);
    printCoverage(cases, new Set(different));
    requireSpecialOperands(cases);
    const report = await explain(run, cases, someOfEach(cases, different), template);
    assertEquals(report, "", `${different.length} of ${cases.length} cases differ, seed ${SEED}`);
  });
}

function allCases(perMnemonic: number): RandomCase[] {
  const cases: RandomCase[] = [];
  for (const form of ALL_FORMS) {
    const random = new Random(seedFor(SEED, form.mnemonic));
    for (const mode of isFloatingPoint(form) ? ROUNDING_MODES : [undefined]) {
      for (let i = 0; i < perMnemonic; i++) {
        cases.push(randomCase(random, form, cases.length, mode));
      }
    }
  }
  const random = new Random(seedFor(SEED, "illegal"));
  for (let i = 0; i < perMnemonic; i++) cases.push(illegalCase(random));
  return cases;
}

function randomTemplate(): bigint[] {
  const random = new Random(seedFor(SEED, "template"));
  const template = Array.from({ length: STATE.count }, () => random64(random));
  template[STATE.x] = template[STATE.unused] = 0n;
  return template;
}

/** The first failure of each mnemonic, up to a limit. */
function someOfEach(cases: readonly RandomCase[], different: readonly number[]): number[] {
  const first = new Map<string, number>();
  for (const i of different) if (!first.has(cases[i].mnemonic)) first.set(cases[i].mnemonic, i);
  return [...first.values()].slice(0, FAILURES_SHOWN);
}

/** A fifth of the cases of whatever reads floating-point registers. */
function requireSpecialOperands(cases: readonly RandomCase[]): void {
  for (const form of ALL_FORMS) {
    const own = cases.filter(({ mnemonic }) => mnemonic === form.mnemonic);
    const readsFloat = form.operands.some(({ name, kind }) => name !== "rd" && kind === "f");
    const special = own.filter((each) => each.special).length;
    assert(
      !readsFloat || special >= own.length / 5,
      `${form.mnemonic}: ${special} special operands`,
    );
  }
}

function printCoverage(cases: readonly RandomCase[], different: ReadonlySet<number>): void {
  const rows = new Map<string, { cases: number; special: number; different: number }>();
  cases.forEach((each, i) => {
    const row = rows.get(each.mnemonic) ?? { cases: 0, special: 0, different: 0 };
    row.cases++;
    if (each.special) row.special++;
    if (different.has(i)) row.different++;
    rows.set(each.mnemonic, row);
  });
  console.log(`${cases.length} cases of ${rows.size} mnemonics, seed ${SEED}`);
  console.log("mnemonic: cases, of them with special floating-point operands, different");
  const cells = [...rows].map(([mnemonic, row]) =>
    `${mnemonic}: ${row.cases}` +
    (row.special > 0 ? `, ${Math.round(row.special / row.cases * 100)} %` : "") +
    (row.different > 0 ? `, ${row.different} DIFFERENT` : "")
  );
  for (let i = 0; i < cells.length; i += 4) {
    console.log(cells.slice(i, i + 4).map((cell) => cell.padEnd(30)).join(""));
  }
}

/** The given cases once more, with their whole state, in words. */
async function explain(
  run: RunImage,
  cases: readonly RandomCase[],
  indexes: readonly number[],
  template: readonly bigint[],
): Promise<string> {
  const reports: string[] = [];
  for (const index of indexes) {
    const theirs = await runState(runOnQemu, cases, index, template);
    const ours = await runState(run, cases, index, template);
    reports.push(describe(cases[index], index, theirs, ours));
  }
  return reports.join("\n");
}

function describe(
  each: RandomCase,
  index: number,
  theirs: BigUint64Array,
  ours: BigUint64Array,
): string {
  const view = new DataView(each.code.buffer);
  const lines = [`case ${index} at ${hex(BigInt(recordAddress(index)))}`];
  for (let at = each.entry; at <= SLOT_INSTRUCTION; at += 4) {
    lines.push(`  ${disassemble(view.getUint32(at, true))}`);
  }
  lines.push(
    `  fcsr ${hex(BigInt(each.fcsr))}, mstatus ${hex(each.mstatus)}, sepc ${hex(each.sepc)}`,
  );
  for (const { index, value } of each.presets) lines.push(`  ${nameOf(index)} = ${hex(value)}`);
  theirs.forEach((value, i) => {
    if (value !== ours[i]) lines.push(`  ${nameOf(i)}: QEMU ${hex(value)}, ours ${hex(ours[i])}`);
  });
  return lines.join("\n");
}

function nameOf(index: number): string {
  if (index >= STATE.window) return `memory[${(index - STATE.window) * 8}]`;
  if (index >= STATE.fcsr) {
    return Object.entries(STATE).find(([, at]) => at === index)?.[0] ?? `state[${index}]`;
  }
  return index >= STATE.f ? `f${index - STATE.f}` : `x${index}`;
}

function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
