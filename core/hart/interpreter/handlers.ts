/** What each instruction does: its effects, in the interpreter's terms. */
import { int, type Void } from "../../wasm/code.ts";
import { br, brIf, rarely, when } from "../../wasm/control.ts";
import type { Effect, SystemName } from "../../isa/effect.ts";
import { INSTRUCTIONS } from "../../isa/isa.ts";
import { FENCE } from "../linting.ts";
import { F, get, OP_COMPILED, PC_SHIFT, put, RECORD, RUNNING_REGISTERS, X } from "../layout.ts";
import { lower, lowerCondition } from "../lower.ts";
import { type Handler, opOf } from "../ops.ts";
import { TRAITS } from "../traits.ts";
import { CAUSE, fault, MSTATUS } from "../translate.ts";
import { fenceRefused } from "../trap.ts";
import type { Frame } from "./frame.ts";
import { Operands } from "./operands.ts";

/** Emits the handlers of instructions. */
export class Handlers {
  readonly operands: Operands;

  constructor(readonly frame: Frame) {
    this.operands = new Operands(frame);
  }

  /** What the handler of an instruction does. */
  instruction(handler: Handler): Void[] {
    const { frame } = this;
    if (!TRAITS[handler.index].plain) return [...this.#execute(handler), ...frame.advance()];
    return [
      frame.loadAhead(handler.length),
      ...this.#execute(handler),
      ...frame.advanceToAhead(),
    ];
  }

  /**
   * What the handler of a run does. All its cycles must be left; nothing looks at them meanwhile,
   * as its loads and stores have only their fast paths. An instruction that needs more, or where
   * compiled code can be entered, is dispatched by itself.
   */
  run(handlers: readonly Handler[]): Void[] {
    const { frame } = this;
    const { left, record } = frame;
    const others = handlers.length - 1;
    const [{ index, length, near }] = handlers;
    const single = br(frame.labels[opOf(index, length, near)]);
    const out = [rarely(left.ltU(others), [single]), left.set(left.sub(others))];
    const last = TRAITS[handlers[others].index];
    const isAhead = last.plain || last.memory !== undefined;
    if (isAhead) out.push(frame.loadAhead(handlers.reduce((sum, { length }) => sum + length, 0)));
    handlers.forEach((handler, done) => {
      frame.slowly = done === 0
        ? [left.set(left.add(others)), single]
        : [left.set(left.add(others - done + 1)), ...frame.dispatch()];
      if (done > 0) {
        out.push(
          frame.ip.set(frame.nextRecord()),
          record.set(frame.ip.load64()),
          rarely(record.and(OP_COMPILED).ne(0), frame.slowly),
        );
      }
      out.push(...this.#execute(handler));
    });
    frame.slowly = undefined;
    return [...out, ...(isAhead ? frame.advanceToAhead() : frame.advance())];
  }

  #execute({ index, length, near }: Handler): Void[] {
    const out: Void[] = [];
    const { effects } = INSTRUCTIONS[index];
    const { float, dirtiesFloat, rounds, csr } = TRAITS[index];
    this.frame.begin(index, length);
    if (float) {
      out.push(this.frame.illegalIf(get(this.frame.hart, "mstatus").and(MSTATUS.FS).eqz()));
    }
    if (rounds) out.push(...this.#chooseRounding());
    for (const effect of effects) {
      if (effect.op !== "jump" && effect.op !== "branch") out.push(...this.#effect(effect));
      // The target is read before rd is written.
      else if (effect.op === "jump" && !near) {
        out.push(this.frame.pc.set(lower(effect.target, this.operands)));
      }
    }
    if (dirtiesFloat) {
      out.push(put(this.frame.hart, "mstatus", get(this.frame.hart, "mstatus").or(MSTATUS.FS)));
    }
    for (const effect of effects) {
      if (effect.op === "branch") out.push(...this.#branch(effect, near));
      if (effect.op === "jump") out.push(...(near ? this.#jumpNear() : this.#jump()));
    }
    if (csr) out.push(...this.#afterCsr());
    return out;
  }

  #effect(effect: Exclude<Effect, { op: "jump" | "branch" }>): Void[] {
    switch (effect.op) {
      case "setX": {
        // The value is computed first: its trap leaves rd as it was.
        const value = lower(effect.value, this.operands);
        return [this.frame.register(RECORD.rd).store64(value, RUNNING_REGISTERS + X)];
      }
      case "setF":
        return [
          this.frame.register(RECORD.rd).store64(
            lower(effect.value, this.operands),
            RUNNING_REGISTERS + F,
          ),
        ];
      case "store":
        return this.operands.store(effect);
      case "system":
        return this.#system(effect.name);
    }
  }

  #branch(effect: Extract<Effect, { op: "branch" }>, near: boolean): Void[] {
    return [
      when(
        lowerCondition(effect.condition, this.operands),
        near
          ? this.#jumpNear()
          : [this.frame.pc.set(lower(effect.target, this.operands)), ...this.#jump()],
      ),
    ];
  }

  // Near records hold the distance in bytes of records.
  #jumpNear(): Void[] {
    return [
      this.frame.ip.set(this.frame.ip.add(this.operands.imm())),
      ...this.frame.countJump("near"),
      ...this.frame.dispatch(),
    ];
  }

  #jump(): Void[] {
    return [
      brIf(this.frame.fetch, this.frame.pc.and(-4096).ne(this.frame.page)),
      this.frame.ip.set(this.frame.pc.sub(this.frame.delta).shl(PC_SHIFT)),
      ...this.frame.countJump("far"),
      ...this.frame.dispatch(),
    ];
  }

  // Rounding mode 7 is dynamic; from 5 up they are reserved (unprivileged spec, F, table 28).
  #chooseRounding(): Void[] {
    const rounding = this.frame.rounding;
    return [
      rounding.set(this.frame.field(RECORD.rm).wrap()),
      when(rounding.eq(7), [
        rounding.set(get(this.frame.hart, "frm").wrap()),
        this.frame.illegalIf(rounding.gtU(4)),
      ]),
    ];
  }

  #system(name: SystemName): Void[] {
    const hart = this.frame.hart;
    const privilege = get(hart, "privilege");
    const status = (mask: bigint) => get(hart, "mstatus").and(mask).ne(0);
    switch (name) {
      // Memory is sequentially consistent, code and translations are coherent.
      case "fence":
        return [];
      case "fence.i":
        return this.#tellCodeFence();
      case "sfence.vma":
        return [this.frame.illegalIf(fenceRefused(hart)), ...this.#tellFence()];
      case "ecall":
        return [...fault(hart, privilege.add(CAUSE.userEcall), 0), br(this.frame.fault)];
      case "ebreak":
        return [...fault(hart, CAUSE.breakpoint, this.frame.currentPc()), br(this.frame.fault)];
      case "mret":
        return [
          this.frame.illegalIf(privilege.ne(3)),
          ...(this.frame.parts.lint ? this.frame.saveLeft() : []),
          this.frame.parts.traps.mret.call(hart),
          br(this.frame.check),
        ];
      case "sret":
        return [
          this.frame.illegalIf(privilege.eqz().or(privilege.eq(1).and(status(MSTATUS.TSR)))),
          this.frame.parts.traps.sret.call(hart),
          br(this.frame.check),
        ];
      case "wfi":
        return [
          this.frame.illegalIf(privilege.eqz().or(privilege.eq(1).and(status(MSTATUS.TW)))),
          put(hart, "waiting", 1),
          this.frame.ip.set(this.frame.nextRecord()),
          put(hart, "pc", this.frame.currentPc()),
          br(this.frame.exit),
        ];
    }
  }

  #tellFence(): Void[] {
    const { frame, operands } = this;
    const { lint } = frame.parts;
    if (!lint) return [];
    const named = (field: number, bit: number) => frame.field(field).ne(0).select(int(bit), int(0));
    const how = named(RECORD.rs1, FENCE.address).or(named(RECORD.rs2, FENCE.asid));
    return [
      ...frame.saveLeft(),
      lint.fenced(frame.hart, how, operands.x("rs1"), operands.x("rs2")),
    ];
  }

  // What follows is fetched anew, so that it is told of.
  #tellCodeFence(): Void[] {
    const { frame } = this;
    const { lint } = frame.parts;
    if (!lint) return [];
    return [
      ...frame.saveLeft(),
      lint.fencedCode(frame.hart),
      frame.ip.set(frame.nextRecord()),
      put(frame.hart, "pc", frame.currentPc()),
      br(frame.check),
    ];
  }

  // A CSR that was written may have enabled an interrupt or changed a translation.
  #afterCsr(): Void[] {
    return [
      when(this.frame.writes, [
        this.frame.ip.set(this.frame.nextRecord()),
        put(this.frame.hart, "pc", this.frame.currentPc()),
        br(this.frame.check),
      ]),
    ];
  }
}
