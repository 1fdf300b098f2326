/**
 * Follows the value that made an instruction trap back through registers and memory, to the
 * instruction that computed it, to the device that brought it, or as far as is sensible.
 */
import { accesses } from "../core/isa/accesses.ts";
import { decode, type Decoded } from "../core/isa/decode.ts";
import { disassemble } from "../core/isa/disassemble.ts";
import type { Value } from "../core/isa/effect.ts";
import type { Instruction } from "../core/isa/instruction.ts";
import { INSTRUCTIONS } from "../core/isa/isa.ts";
import type { WatchHit } from "../core/machine.ts";
import type { Cursor } from "./cursor.ts";
import type { Names } from "./failures/witness.ts";

/** One step back. */
export interface Link {
  readonly cycle: number;
  readonly what: string;
}

/** What a value is traced to. */
export type ValueOrigin =
  | { readonly kind: "instruction"; readonly cycle: number; readonly place: string }
  /** A device wrote it to memory, in the cycle in which it got its input. */
  | { readonly kind: "device"; readonly cycle: number; readonly device: string }
  /** Nobody: it is as the machine was started with. */
  | { readonly kind: "image" }
  | { readonly kind: "lost"; readonly why: string };

export interface Trace {
  /** The latest first. */
  readonly links: readonly Link[];
  readonly origin: ValueOrigin;
}

/** An instruction that is about to trap. */
export interface TrapSite {
  readonly hart: number;
  readonly pc: bigint;
  /** The trap is no later. */
  readonly before: number;
}

const LINKS_MAX = 16;
const STEPS_MAX = 2000;
const WRITERS_SKIPPED_MAX = 8;

interface Fetched {
  readonly decoded: Decoded;
  readonly instruction: Instruction;
  readonly text: string;
}

/** @param signal gives up: what was found until then is returned */
export async function traceValue(
  cursor: Cursor,
  names: Names,
  site: TrapSite,
  signal?: AbortSignal,
): Promise<Trace> {
  const tracer = new Tracer(cursor, names, site.hart, signal);
  const origin = await tracer.run(site);
  return { links: tracer.links, origin };
}

class Tracer {
  readonly links: Link[] = [];
  #hart: number;

  constructor(
    readonly cursor: Cursor,
    readonly names: Names,
    hart: number,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#hart = hart;
  }

  async run({ pc, before }: TrapSite): Promise<ValueOrigin> {
    await this.cursor.seek(before, this.signal);
    const breakpoints = new Set([pc]);
    for (let skipped = 0;; skipped++) {
      const arrival = await this.cursor.reverseContinue(
        { breakpoints, watchpoints: [] },
        this.signal,
      );
      if (arrival.reason !== "breakpoint") return lost("the trapping instruction was not found");
      if (arrival.hart === this.#hart) break;
      if (skipped === WRITERS_SKIPPED_MAX) return lost("other harts execute it too");
    }
    const fetched = this.#fetch();
    if (fetched === undefined) return lost("the trapping instruction cannot be read");
    this.#note(`${fetched.text} traps`);
    const [access] = accesses(fetched.instruction).memory;
    const register = access && baseOf(access.address, fetched.decoded);
    return register ? await this.#follow(register) : lost("it traps by no address in a register");
  }

  /** Until something is no mere copy. */
  async #follow(register: number): Promise<ValueOrigin> {
    while (this.links.length < LINKS_MAX) {
      const fetched = await this.#writerOf(register);
      if (fetched === undefined) return lost(`no writer of x${register} is near`);
      const { decoded, instruction, text } = fetched;
      const [access] = accesses(instruction).memory;
      if (access === undefined) {
        const source = copied(fetched);
        this.#note(source ? text : `${text} computes it`);
        if (source === undefined) return this.#here();
        register = source;
        continue;
      }
      this.#note(`${text} loads it`);
      if (access.kind !== "load") return this.#here();
      const address = this.#address(access.address, decoded);
      const writer = address === undefined ? lost("its address is not plain") : await this.#stored(
        address,
        access.size,
      );
      if (typeof writer !== "number") return writer;
      register = writer;
    }
    return lost(`it was copied more than ${LINKS_MAX} times`);
  }

  /** Goes back to who wrote memory. @returns the register that was stored */
  async #stored(address: bigint, sizeBytes: number): Promise<number | ValueOrigin> {
    const physical = this.cursor.translate(this.#hart, address);
    if (physical === undefined) return lost(`0x${address.toString(16)} is not mapped`);
    const watchpoints = [{ address: physical, sizeBytes, kind: "write" as const }];
    const arrival = await this.cursor.reverseContinue(
      { breakpoints: new Set(), watchpoints },
      this.signal,
    );
    if (arrival.reason === "start") return { kind: "image" };
    if (arrival.reason !== "watchpoint") return lost("there was no time to look further back");
    return this.#storedBy(arrival.hits[0]);
  }

  #storedBy(hit: WatchHit): number | ValueOrigin {
    const { cycle } = this.cursor;
    if (!("hart" in hit)) {
      this.links.push({ cycle, what: `${hit.device} writes it to memory` });
      return { kind: "device", cycle, device: hit.device };
    }
    this.#hart = hit.hart;
    const fetched = this.#fetch();
    if (fetched === undefined) return lost("who stored it cannot be read");
    this.#note(`${fetched.text} stores it`);
    const isStore = accesses(fetched.instruction).memory[0]?.kind === "store";
    // A store of zero, of a floating-point register, or an atomic one is where it comes from.
    const isCopy = isStore && accesses(fetched.instruction).reads.x.includes("rs2");
    return isCopy && fetched.decoded.rs2 !== 0 ? fetched.decoded.rs2 : this.#here();
  }

  /** Steps back to before the instruction that wrote a register last. */
  async #writerOf(register: number): Promise<Fetched | undefined> {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const { reason } = await this.cursor.reverseStep(this.#hart, this.signal);
      if (reason !== "step") return undefined;
      const fetched = this.#fetch();
      const writes = fetched && accesses(fetched.instruction).writes.x.includes("rd");
      if (writes && fetched.decoded.rd === register) return fetched;
    }
    return undefined;
  }

  #fetch(): Fetched | undefined {
    const pc = this.#pc();
    const physical = this.cursor.translate(this.#hart, pc);
    const bytes = physical === undefined ? undefined : this.cursor.readMemory(physical, 4) ??
      this.cursor.readMemory(physical, 2);
    if (bytes === undefined) return undefined;
    const word = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0) | 0;
    const decoded = decode(word);
    return decoded &&
      { decoded, instruction: INSTRUCTIONS[decoded.index], text: disassemble(word, pc) };
  }

  #address(value: Value, decoded: Decoded): bigint | undefined {
    const base = baseOf(value, decoded);
    if (base === undefined) return undefined;
    const register = this.cursor.readRegister(this.#hart, `x${base}`);
    return BigInt.asUintN(64, register + BigInt(decoded.imm));
  }

  #pc(): bigint {
    return this.cursor.readRegister(this.#hart, "pc");
  }

  #place(): string {
    const pc = this.#pc();
    const place = this.names.nearest(pc);
    return place ? `${place.name}+0x${place.offset.toString(16)}` : `0x${pc.toString(16)}`;
  }

  #note(what: string): void {
    this.links.push({ cycle: this.cursor.cycle, what: `${this.#place()}: ${what}` });
  }

  #here(): ValueOrigin {
    return { kind: "instruction", cycle: this.cursor.cycle, place: this.#place() };
  }
}

/** The register of an address that is a register, or a register and an immediate. */
function baseOf(address: Value, decoded: Decoded): number | undefined {
  if (address.op === "x") return decoded[address.field];
  const isSum = address.op === "add" && address.a.op === "x" && address.b.op === "imm";
  return isSum && address.a.op === "x" ? decoded[address.a.field] : undefined;
}

/** The register that an instruction copies, perhaps with a constant added. */
function copied({ decoded, instruction }: Fetched): number | undefined {
  const [effect] = instruction.effects;
  if (effect.op !== "setX" || instruction.effects.length > 1) return undefined;
  const { value } = effect;
  if (value.op !== "add" || value.a.op !== "x") return undefined;
  const a = decoded[value.a.field];
  if (value.b.op === "imm") return a || undefined;
  if (value.b.op !== "x") return undefined;
  const b = decoded[value.b.field];
  if (a !== 0 && b !== 0) return undefined;
  return a || b || undefined;
}

function lost(why: string): ValueOrigin {
  return { kind: "lost", why };
}
