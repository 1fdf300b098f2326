/**
 * Tier 1: a region of a page as one WebAssembly function.
 *
 * Control flow is structured, each block takes its cycles at its head. What the fast paths cannot do
 * is a call; where that call traps or cuts the slice, the function ends at exactly that instruction.
 */
import { type I32, int, type Label, long, type Void } from "../../wasm/code.ts";
import {
  block,
  br,
  loop,
  rarely,
  ret,
  returnCallIndirect,
  unreachable,
  when,
} from "../../wasm/control.ts";
import type { FunctionBuilder, LocalOf, Module, WasmFunction } from "../../wasm/module.ts";
import { tlbEntry } from "../access.ts";
import type { FloatFunctions } from "../float/float.ts";
import {
  BLOCK_CYCLES_MAX,
  ENTRY,
  ENTRY_BITS,
  get,
  type Layout,
  LEAVE,
  MACHINE,
  OP_COMPILED,
  PC_SHIFT,
  put,
  RUNNING_REGISTERS,
  TLB_FETCH,
  X,
} from "../layout.ts";
import { Instructions } from "./instructions.ts";
import { type Helpers, REGION } from "./interface.ts";
import { type Block, type Region, successors } from "./region.ts";
import { Registers } from "./registers.ts";
import { type Go, structure } from "./structure.ts";

/** What regions call, all of it functions of the engine. */
export interface RegionParts {
  readonly layout: Layout;
  readonly helpers: Helpers;
  readonly float: FloatFunctions;
}

/**
 * Adds a region's function to a module.
 *
 * @param index its place in the table
 */
export function emitRegion(
  module: Module,
  parts: RegionParts,
  region: Region,
  name: string,
  index: I32,
): WasmFunction {
  const fn = module.function(name, REGION.parameters, REGION.result);
  module.define(fn, (builder, hart, pc, left, entry) => [
    ...new RegionFunction(builder, parts, region, index, { hart, pc, left, entry }).body(),
    int(0),
  ]);
  return fn as unknown as WasmFunction;
}

interface Parameters {
  readonly hart: LocalOf<"i64">;
  readonly pc: LocalOf<"i64">;
  readonly left: LocalOf<"i32">;
  readonly entry: LocalOf<"i32">;
}

class RegionFunction {
  readonly registers: Registers;
  readonly instructions: Instructions;
  readonly page: LocalOf<"i64">;
  /** The table index to go on at; -1 for tier 0. */
  readonly next: LocalOf<"i32">;
  readonly scratch: LocalOf<"i64">;

  constructor(
    builder: FunctionBuilder,
    readonly parts: RegionParts,
    readonly region: Region,
    readonly index: I32,
    readonly parameters: Parameters,
  ) {
    this.registers = new Registers(builder, region);
    this.page = builder.i64();
    this.next = builder.i32();
    this.scratch = builder.i64();
    const { hart, left } = parameters;
    const around = { hart, left, page: this.page };
    this.instructions = new Instructions(builder, parts, this.registers, around);
  }

  body(): Void[] {
    const { hart, pc, left, entry } = this.parameters;
    const { instructions } = this;
    const body = loop((again) => [
      block((leave) => [
        block((slow) => [
          block((exit) => {
            instructions.slow = slow;
            return [
              ...structure(
                this.#graph(),
                this.region.entries,
                { value: entry, set: (value) => entry.set(value) },
                (offset, go) => this.#block(this.region.blocks.get(offset)!, go, exit, leave),
              ),
              unreachable(),
            ];
          }),
          // At pc: in this function, in another one, or in tier 0.
          ...this.#lookUp(),
          when(this.next.eq(this.index), [br(again)]),
          br(leave),
        ]),
        // The last instruction has trapped, or was the last one of the slice.
        left.set(get(hart, "left").wrap()),
        pc.set(this.page.add(instructions.where.and(0xfff).extendU())),
        this.next.set(int(-1)),
        when(get(hart, "leave").eq(LEAVE.cut), [
          pc.set(pc.add(instructions.where.shrU(12).and(7).extendU())),
        ]),
      ]),
    ]);
    return [
      this.page.set(pc.and(-4096)),
      ...this.registers.loadCarried(),
      body,
      ...this.registers.storeCarried(),
      when(this.next.geS(0), [
        returnCallIndirect(REGION, this.next, hart, pc, left, entry),
      ]),
      rarely(get(hart, "leave").ne(LEAVE.stay), [
        when(get(hart, "leave").eq(LEAVE.cut), [
          instructions.where.shrU(16).shl(3).extendU().store64(
            instructions.result,
            RUNNING_REGISTERS + X,
          ),
        ]),
        put(hart, "leave", LEAVE.stay),
      ]),
      put(hart, "pc", pc),
      ret(left),
    ];
  }

  #graph(): Map<number, readonly number[]> {
    const { blocks } = this.region;
    return new Map([...blocks].map(([offset, block]) => [offset, successors(block, blocks)]));
  }

  #block(block: Block, go: Go, exit: Label, leave: Label): Void[] {
    const { left, pc } = this.parameters;
    const { instructions } = this;
    const cycles = block.instructions.length;
    const at = (offset: number) => this.page.add(offset);
    const leaveTo = (offset: number): Void[] => [
      pc.set(at(offset)),
      this.next.set(int(-1)),
      br(leave),
    ];
    // Where the target is in this region it is a branch, else {@link #lookUp} knows.
    const goOrExit = (offset: number): Void[] =>
      this.region.blocks.has(offset) ? go(offset) : [pc.set(at(offset)), br(exit)];
    const code: Void[] = [
      left.set(left.sub(cycles)),
      rarely(left.ltS(0), [left.set(left.add(cycles)), ...leaveTo(block.offset)]),
    ];
    instructions.beginBlock();
    block.instructions.forEach((placed, i) => {
      code.push(...instructions.emit(placed, cycles - 1 - i));
    });
    code.push(...this.registers.flush());
    switch (block.end) {
      case "fall":
      case "jump":
        return [...code, ...goOrExit(block.target)];
      case "tier0":
        return [...code, ...leaveTo(block.next)];
      case "branch":
        return [
          ...code,
          when(instructions.condition, goOrExit(block.target)),
          ...goOrExit(block.next),
        ];
      case "indirect":
        return [...code, pc.set(instructions.target), br(exit)];
    }
  }

  // Sets `next` to the table index of what is compiled at pc, and `entry`; or `next` to -1.
  #lookUp(): Void[] {
    const { pc, left, entry } = this.parameters;
    const { scratch } = this;
    return [
      this.next.set(int(-1)),
      scratch.set(tlbEntry(this.parts.layout, long(0).load64(MACHINE.fetchTlb), pc)),
      when(
        scratch.load64(TLB_FETCH).eq(pc.and(-4096)).and(left.geS(BLOCK_CYCLES_MAX)),
        [
          scratch.set(scratch.load64(TLB_FETCH + 8).add(pc.and(4095).shl(PC_SHIFT))),
          when(scratch.loadI32From16U().and(OP_COMPILED), [
            entry.set(scratch.loadI32(ENTRY)),
            this.next.set(entry.shrU(ENTRY_BITS)),
            entry.set(entry.and((1 << ENTRY_BITS) - 1)),
          ]),
        ],
      ),
    ];
  }
}
