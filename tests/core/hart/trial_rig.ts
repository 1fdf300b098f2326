/** The machine that runs trials, and what it sees them do. */
import type { Device, Width } from "../../../core/device.ts";
import { hartBase, type HartField, PMPADDR } from "../../../core/hart/layout.ts";
import { DRAM, Rig } from "./rig.ts";
import { PROBE, type Trial, WINDOW, WINDOW_BYTES } from "./trial.ts";
import { FIELDS, type TrialField } from "./trial_csrs.ts";

const PROBE_BYTES = 0x1000;
const C_NOP = 0x0001;

/** What a run of a trial was seen to do. */
export interface Observed {
  readonly trapped: boolean;
  readonly pc: bigint;
  /** The address of the instruction after it. */
  readonly next: bigint;
  readonly changes: readonly {
    readonly name: string;
    readonly detail: string;
    /** A trap changes this by itself. */
    readonly byTrap: boolean;
  }[];
  /** What it left behind, as one text. */
  readonly outputs: string;
  /** Of `fcsr`, before and after. */
  readonly flags: readonly [bigint, bigint];
  readonly busAccesses: readonly string[];
  readonly busExpected: readonly string[];
}

const BY_TRAP: readonly string[] = ["mstatus", "privilege"].concat(
  ...["m", "s"].map((mode) => ["epc", "cause", "tval"].map((name) => mode + name)),
);
const WATCHED: readonly HartField[] = [...FIELDS, "privilege", "waiting", "reservation"];

/** The machine that runs trials. */
export class TrialRig {
  private constructor(readonly rig: Rig, readonly probe: Probe) {}

  static async create(): Promise<TrialRig> {
    const probe = new Probe();
    const board = () => [{ base: PROBE, device: probe }];
    return new TrialRig(await Rig.create({ board }), probe);
  }

  async run(trial: Trial): Promise<Observed> {
    const { rig, probe } = this;
    this.#apply(trial);
    const before = this.#fields();
    await rig.run(1);
    const after = this.#fields();
    const trapped = after.get("retired") === before.get("retired");
    const seen = {
      trapped,
      pc: rig.get("pc"),
      next: BigInt(trial.pc + 4),
      changes: [...this.#changes(trial, before, after)],
      flags: [before.get("fflags")!, after.get("fflags")!] as const,
      busAccesses: probe.log,
      busExpected: trapped ? [] : expectedOnBus(trial),
    };
    // Whether `wfi` waits shows in the cycle after it.
    if (trial.declared.mnemonic === "wfi") await rig.run(1);
    return { ...seen, outputs: this.#outputs(trial, seen, after) };
  }

  #apply({ state, pc, word, privilege }: Trial): void {
    const { rig } = this;
    const bytes = new Uint8Array(6);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, word, true);
    view.setUint16(4, C_NOP, true);
    rig.write(pc, bytes);
    rig.write(WINDOW, state.window);
    state.x.forEach((value, i) => rig.setX(i, value));
    state.f.forEach((value, i) => rig.setF(i, value));
    for (const [field, value] of state.fields) rig.set(field, value);
    rig.setPmp(3, 0, state.pmpaddr);
    rig.set("reservation", state.reservation);
    rig.set("reservationPage", (state.reservation - BigInt(DRAM)) >> 12n);
    this.probe.log = [];
    rig.start(pc, privilege);
  }

  #fields(): Map<string, bigint> {
    const { rig } = this;
    const map = new Map<string, bigint>(WATCHED.map((field) => [field, rig.get(field)]));
    map.set("pmpaddr", rig.machine.engine.u64[(hartBase(0) + PMPADDR) / 8 + 3]);
    return map;
  }

  *#changes(trial: Trial, before: Map<string, bigint>, after: Map<string, bigint>) {
    const { rig } = this;
    const { declared, decoded, state } = trial;
    const change = (name: string, detail: unknown, byTrap = false) => ({
      name,
      detail: ` (${detail})`,
      byTrap,
    });
    const nameOf = (file: "x" | "f", register: number) =>
      declared.writes.has(`${file} rd`) && register === decoded.rd
        ? `${file} rd`
        : `${file}${register}`;
    for (let i = 0; i < 32; i++) {
      if (rig.x(i) !== state.x[i]) yield change(nameOf("x", i), rig.x(i));
      if (rig.f(i) !== state.f[i]) yield change(nameOf("f", i), rig.f(i));
    }
    const written = (field: string) =>
      declared.csrsWritten.find((csr) =>
        trial.fieldsOf(csr, "writes").includes(field as TrialField)
      );
    for (const [field, value] of after) {
      if (value === before.get(field) || field === "retired") continue;
      const csr = written(field);
      // An SC gives its reservation up, whatever comes of it (unprivileged spec, A).
      const givenUp = field === "reservation" && declared.memory?.kind === "sc";
      const byTrap = BY_TRAP.includes(field) || givenUp;
      yield change(csr === undefined ? field : `csr ${csr}`, field, byTrap);
    }
    const memory = rig.machine.memory.view(WINDOW - 4096, 3 * 4096)!;
    const stored = declared.memory === undefined ? -1n : trial.address();
    for (let i = 0; i < memory.length; i++) {
      const at = i - 4096;
      const old = at >= 0 && at < WINDOW_BYTES ? state.window[at] : 0;
      if (memory[i] === old) continue;
      const offset = BigInt(WINDOW + at) - stored;
      const inside = offset >= 0n && offset < BigInt(declared.memory?.size ?? 0);
      yield change(inside ? "memory" : `memory at 0x${(WINDOW + at).toString(16)}`, memory[i]);
    }
  }

  #outputs(
    trial: Trial,
    seen: Omit<Observed, "outputs">,
    after: Map<string, bigint>,
  ): string {
    const { rig } = this;
    const { declared, decoded } = trial;
    if (seen.trapped) {
      const mode = after.get("privilege") === 3n ? "m" : "s";
      return `trap ${after.get(`${mode}cause`)} ${after.get(`${mode}tval`)}`;
    }
    const out = [`pc ${seen.pc}`, `privilege ${after.get("privilege")}`, ...seen.busAccesses];
    for (const name of declared.writes) {
      if (name === "x rd" && decoded.rd !== 0) out.push(`x ${rig.x(decoded.rd)}`);
      if (name === "f rd") out.push(`f ${rig.f(decoded.rd)}`);
      if (name === "waiting") out.push(`waiting ${rig.get("waiting")}`);
      if (name === "reservation") out.push(`reservation ${after.get(name)}`);
      if (name === "memory") out.push(...this.#stored(trial));
    }
    for (const csr of declared.csrsWritten) {
      for (const field of trial.fieldsOf(csr, "writes")) {
        if (csr === "fflags") continue; // they accumulate: see `flags`
        out.push(`${field} ${after.get(field)}`);
      }
    }
    return out.join("\n");
  }

  // What memory holds where the access went, and where that is.
  #stored(trial: Trial): string[] {
    const { size } = trial.declared.memory!;
    const address = Number(trial.address());
    const bytes = this.rig.machine.memory.view(address, size);
    return bytes === undefined ? [] : [`0x${address.toString(16)}: ${bytes}`];
  }
}

/** The accesses to the probe that a load or store declares, if its address is there. */
function expectedOnBus(trial: Trial): string[] {
  const { memory } = trial.declared;
  if (memory === undefined || (memory.kind !== "load" && memory.kind !== "store")) return [];
  const offset = Number(trial.address()) - PROBE;
  if (offset < 0 || offset + memory.size > PROBE_BYTES) return [];
  const width = memory.size === 8 ? 4 : memory.size;
  const offsets = memory.size === 8 ? [offset, offset + 4] : [offset];
  return offsets.map((each) => `${memory.kind} ${width} at ${each}`);
}

/** A device that notes what reaches it. */
class Probe implements Device {
  readonly id = "probe";
  readonly sizeBytes = PROBE_BYTES;
  readonly widths: readonly Width[] = [1, 2, 4, 8];
  log: string[] = [];

  read(offset: number, width: Width): number {
    this.log.push(`load ${width} at ${offset}`);
    return Math.imul(offset + 1, 0x9e3779b1) >>> (32 - 8 * width);
  }

  write(offset: number, width: Width, _value: number): void {
    this.log.push(`store ${width} at ${offset}`);
  }

  save() {
    return { version: 1 };
  }

  restore(): void {}
}
