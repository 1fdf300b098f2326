/** Registers, immediates, memory and CSRs as the interpreter reaches them. */
import { type I32, type I64, int, long, type Void } from "../../wasm/code.ts";
import { after, rarely, when } from "../../wasm/control.ts";
import type { Effect, Field, Value } from "../../isa/effect.ts";
import { tlbEntry, tlbHit } from "../access.ts";
import { CSR_KIND } from "../csr.ts";
import {
  F,
  offsetOf,
  PC_SHIFT,
  RECORD,
  RUNNING_REGISTERS,
  TLB_READ,
  TLB_WRITE,
  X,
} from "../layout.ts";
import { amoResult, lower, type Target } from "../lower.ts";
import { UPPER_IMM } from "../ops.ts";
import { extendSized, loadSized, storeSized } from "../sized.ts";
import { faulted } from "../translate.ts";
import type { Frame } from "./frame.ts";

/** The interpreter's {@link Target}: operands come from the current record. */
export class Operands implements Target {
  constructor(readonly frame: Frame) {}

  once(value: I64, use: (value: I64) => I64): I64 {
    return this.frame.once(value, use);
  }

  x(field: Field): I64 {
    return this.frame.register(RECORD[field]).load64(RUNNING_REGISTERS + X);
  }

  f(field: Field): I64 {
    return this.frame.register(RECORD[field]).load64(RUNNING_REGISTERS + F);
  }

  imm(): I64 {
    const imm = this.frame.record.shrS(RECORD.imm * 8);
    return UPPER_IMM[this.frame.index] ? imm.shl(12) : imm;
  }

  // It takes the place of rs1.
  zimm(): I64 {
    return this.frame.field(RECORD.rs1);
  }

  pc(): I64 {
    return this.frame.currentPc();
  }

  next(): I64 {
    return this.frame.nextRecord().shrU(PC_SHIFT).add(this.frame.delta);
  }

  load({ size, signed }: Extract<Value, { op: "load" }>, address: I64): I64 {
    const { layout, access } = this.frame.parts;
    const host = this.frame.address.add(this.frame.entry.load64(TLB_READ + 8));
    const value = this.frame.value;
    const find = [
      this.frame.address.set(address),
      this.frame.entry.set(tlbEntry(layout, this.frame.tlb, this.frame.address)),
    ];
    const { slowly } = this.frame;
    if (slowly) {
      const hit = this.#hit(TLB_READ, size);
      return after([...find, rarely(hit.eqz(), slowly)], loadSized(host, size, signed));
    }
    return after([
      ...find,
      when(this.#hit(TLB_READ, size), [value.set(loadSized(host, size, signed))], [
        ...this.frame.saveLeft(),
        value.set(
          access.load.call(this.frame.hart, this.frame.address, long(size), this.frame.regime),
        ),
        ...this.frame.afterCall(),
        ...(signed && size < 8 ? [value.set(extendSized(value, size))] : []),
      ]),
    ], value);
  }

  lr({ size }: Extract<Value, { op: "lr" }>, address: I64): I64 {
    const value = this.frame.value;
    return after([
      ...this.frame.saveLeft(),
      value.set(
        this.frame.parts.access.loadReserved.call(
          this.frame.hart,
          address,
          long(size),
          this.frame.regime,
        ),
      ),
      ...this.frame.afterCall(),
    ], size === 4 ? value.extend32() : value);
  }

  sc({ size }: Extract<Value, { op: "sc" }>, address: I64, stored: I64): I64 {
    const value = this.frame.value;
    return after([
      ...this.frame.saveLeft(),
      value.set(
        this.frame.parts.access.storeConditional.call(
          this.frame.hart,
          address,
          long(size),
          stored,
          this.frame.regime,
        ),
      ),
      ...this.frame.afterCall(),
    ], value);
  }

  amo({ kind, size }: Extract<Value, { op: "amo" }>, address: I64, operand: I64): I64 {
    const { layout, access } = this.frame.parts;
    const old = this.frame.value;
    const host = this.frame.host;
    const result = this.frame.entry;
    return after([
      this.frame.address.set(address),
      this.frame.operand.set(operand),
      this.frame.entry.set(tlbEntry(layout, this.frame.tlb, this.frame.address)),
      host.set(long(0)),
      when(this.#hit(TLB_WRITE, size), [
        host.set(this.frame.address.add(this.frame.entry.load64(TLB_WRITE + 8))),
        old.set(size === 4 ? host.load32S() : host.load64()),
      ], [
        ...this.frame.saveLeft(),
        old.set(
          access.amoLoad.call(this.frame.hart, this.frame.address, long(size), this.frame.regime),
        ),
        ...this.frame.afterCall(),
        ...(size === 4 ? [old.set(old.extend32())] : []),
      ]),
      result.set(amoResult(kind, size, old, this.frame.operand)),
      when(host.ne(0), [
        size === 4 ? host.store32(result) : host.store64(result),
      ], [
        ...this.frame.saveLeft(),
        access.store.call(
          this.frame.hart,
          this.frame.address,
          long(size),
          result,
          this.frame.regime,
        ),
        ...this.frame.afterCall(),
      ]),
    ], old);
  }

  csr({ kind }: Extract<Value, { op: "csr" }>, operand: I64): I64 {
    const value = this.frame.value;
    return after([
      // `set` and `clear` do not write if their operand field is 0 (unprivileged spec, Zicsr).
      this.frame.writes.set(
        kind === "write" ? int(1) : this.frame.field(RECORD.rs1).ne(0),
      ),
      ...this.frame.saveLeft(),
      value.set(this.frame.parts.csrAccess.call(
        this.frame.hart,
        this.frame.field(RECORD.rs2).wrap(),
        this.imm().wrap(),
        operand,
        int(CSR_KIND[kind]),
        this.frame.writes,
      )),
      this.frame.restoreLeft(),
      this.frame.illegalIf(faulted(this.frame.hart)),
    ], value);
  }

  float({ name, format }: Extract<Value, { op: "float" }>, operands: I64[]): I64 {
    return this.frame.parts.float.call(
      name,
      format,
      operands,
      this.frame.rounding,
      this.frame.hart.add(offsetOf("fflags")),
    );
  }

  /** The statements of a store. */
  store(effect: Extract<Effect, { op: "store" }>): Void[] {
    const { layout, access } = this.frame.parts;
    const { size } = effect;
    const address = this.frame.address;
    const value = this.frame.value;
    const host = address.add(this.frame.entry.load64(TLB_WRITE + 8));
    const find = [
      address.set(lower(effect.address, this)),
      value.set(lower(effect.value, this)),
      this.frame.entry.set(tlbEntry(layout, this.frame.tlb, address)),
    ];
    const { slowly } = this.frame;
    if (slowly) {
      const hit = this.#hit(TLB_WRITE, size);
      return [...find, rarely(hit.eqz(), slowly), storeSized(host, size, value)];
    }
    return [
      ...find,
      when(this.#hit(TLB_WRITE, size), [storeSized(host, size, value)], [
        ...this.frame.saveLeft(),
        access.store.call(this.frame.hart, address, long(size), value, this.frame.regime),
        ...this.frame.afterCall(),
      ]),
    ];
  }

  #hit(kind: number, size: number): I32 {
    return tlbHit(this.frame.entry.load64(kind), this.frame.address, size);
  }
}
