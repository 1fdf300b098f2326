/** A guest that was compiled wrongly: tier 0 tells. */
import { assert, assertEquals } from "@std/assert";
import { compilerParts, type EngineShape } from "../../core/hart/engine.ts";
import { type CompiledBatch, DirectCompiler, type HotPage } from "../../core/hart/jit/compiler.ts";
import { Machine, type MachineOptions } from "../../core/machine.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import type { Log } from "../../replay/log.ts";
import { MemoryLog } from "../../replay/memory_log.ts";
import { Recorder } from "../../replay/recorder.ts";
import type { BuildMachine } from "../../replay/replayer.ts";
import { checkTiers } from "../../replay/tiers.ts";
import { configOf, type Guest, imageOf, outputHash } from "./machines.ts";

const GUEST: Guest = { image: "sha256", harts: 1, cycles: 25_000_000 };

/** Takes each `xor` for an `or`, from the moment at which it is compiled. */
class Miscompiler extends DirectCompiler {
  #asked: readonly HotPage[] = [];

  constructor(shape: EngineShape) {
    super(compilerParts(shape));
  }

  override submit(pages: readonly HotPage[]): void {
    this.#asked = pages;
    super.submit(pages.map((page) => ({ ...page, code: withOr(page.code) })));
  }

  override take(): CompiledBatch | undefined {
    const batch = super.take();
    if (batch === undefined) return undefined;
    return {
      ...batch,
      pages: batch.pages.map((page, i) => ({ ...page, code: this.#asked[i].code })),
    };
  }
}

/** Of 32 bits, opcode OP, funct7 0: `xor` has funct3 4, `or` 6. */
function withOr(code: Uint16Array): Uint16Array {
  return code.map((half, i) =>
    (half & 0x707f) === 0x4033 && (code[i + 1] & 0xfe00) === 0 ? half | 0x2000 : half
  );
}

/** Whether the next instruction is one. */
function isXor({ engine, memory }: Machine): boolean {
  const pc = Number(engine.field(0, "pc") & 0xffff_ffffn);
  const word = new DataView(memory.view(pc, 4)!.slice().buffer).getUint32(0, true);
  return (word & 0x707f) === 0x4033 && word >>> 25 === 0;
}

function buildWith(engine: MachineOptions["engine"]): BuildMachine {
  const config = configOf(GUEST);
  return (host, onDigest) =>
    Machine.create({ ...machineOptions(config, { bios: imageOf(GUEST) }, host), engine, onDigest });
}

const INTERPRETED = buildWith({ jitThreshold: 0 });
const COMPILED = buildWith({ jitThreshold: 1024 });
const MISCOMPILED = buildWith({
  jitThreshold: 1024,
  compiler: (shape) => new Miscompiler(shape),
});

async function recorded(build: BuildMachine): Promise<Log> {
  const sink = new MemoryLog();
  const recorder = new Recorder({ host: new MemoryHost(), sink, hash: outputHash });
  const machine = await build(recorder, (cycle, digest) => recorder.digest(cycle, digest));
  const { reason } = await machine.run(GUEST.cycles);
  assertEquals(reason, "until");
  recorder.finish(machine.digest(), {
    endCycle: machine.cycle,
    end: { reason: "until" },
    instructions: machine.cycle,
  });
  return sink.log();
}

const inTiers = (log: Log, build: BuildMachine, failureCycle: number) =>
  checkTiers({ log, stored: [], build, interpret: INTERPRETED }, failureCycle);

Deno.test("what was compiled wrongly is found by tier 0, to the block", async () => {
  const log = await recorded(MISCOMPILED);
  const check = await inTiers(log, MISCOMPILED, 24_000_000);
  assert(check?.differs, "tier 0 has not noticed");
  const { from, to } = check.differs;
  assert(to - from <= 64, `${from} to ${to}`);
  const machine = await INTERPRETED(new MemoryHost());
  const executed = new Set<boolean>();
  for (await machine.run(from); machine.cycle < to; await machine.run(machine.cycle + 1)) {
    executed.add(isXor(machine));
  }
  assert(executed.has(true), "none of these is an xor");
});

Deno.test("what was compiled well comes out in tier 0 too, wherever it failed", async () => {
  const log = await recorded(COMPILED);
  for (
    const [cycle, from, until] of [
      [24_000_000, 10_000_000, 25_000_000],
      [9_999_999, 0, 10_000_000],
      [12_000_000, 0, 20_000_000],
    ]
  ) assertEquals(await inTiers(log, COMPILED, cycle), { from, until });
});

Deno.test("without digests there is nothing to hold tier 0 against", async () => {
  const log = await recorded(COMPILED);
  assertEquals(await inTiers({ ...log, digests: [] }, COMPILED, 24_000_000), undefined);
});
