/** The names of a running Linux kernel and of its modules, as they are at a cursor's position. */
import type { Cursor } from "../../replay/cursor.ts";
import { findKallsyms, type Kallsyms } from "./kallsyms.ts";
import { type ModuleSymbols, readModules } from "./kernel_modules.ts";
import type { Place, Symbols } from "./symbols.ts";

const RAM = 0x8000_0000;
/** A kernel is loaded low in RAM. */
const SEARCH_BYTES = 256 << 20;
/** Where nothing was found, look again only so many cycles away. */
const AGAIN_CYCLES = 100_000_000;

/** What was found of a kernel: share it among the cursors of a recording, for looking takes a second. */
export interface KernelFinding {
  kallsyms?: Kallsyms;
  /** Where it was looked for last. */
  lookedAt?: number;
}

/** Symbols that are looked for when they are first needed. */
export class KernelSymbols implements Symbols {
  readonly #cursor: Cursor;
  readonly #finding: KernelFinding;
  #modules: { readonly cycle: number; readonly symbols: readonly ModuleSymbols[] } | undefined;

  constructor(cursor: Cursor, finding: KernelFinding = {}) {
    this.#cursor = cursor;
    this.#finding = finding;
  }

  address(name: string): bigint | undefined {
    const kallsyms = this.#kallsyms();
    if (kallsyms === undefined) return undefined;
    const offset = kallsyms.table.address(name);
    if (offset !== undefined) return BigInt.asUintN(64, this.#base(kallsyms) + offset);
    for (const module of this.#modulesNow(kallsyms)) {
      const address = module.table.address(name);
      if (address !== undefined) return address;
    }
    return undefined;
  }

  nearest(address: bigint): Place | undefined {
    // Kernels are in the upper half of the address space.
    if (address >> 63n === 0n) return undefined;
    const kallsyms = this.#kallsyms();
    if (kallsyms === undefined) return undefined;
    const offset = address - this.#base(kallsyms);
    const place = offset >= 0n ? kallsyms.table.nearest(offset) : undefined;
    if (place !== undefined) return place;
    // A module's last symbol seems to reach into the next module: the nearest of all is right.
    let nearest: Place | undefined;
    for (const { name, table } of this.#modulesNow(kallsyms)) {
      const found = table.nearest(address);
      if (found === undefined || nearest && nearest.offset <= found.offset) continue;
      nearest = { name: `${found.name} [${name}]`, offset: found.offset };
    }
    return nearest;
  }

  #kallsyms(): Kallsyms | undefined {
    const finding = this.#finding;
    if (finding.kallsyms !== undefined) return finding.kallsyms;
    const { cycle } = this.#cursor;
    const isSoon = finding.lookedAt !== undefined &&
      Math.abs(cycle - finding.lookedAt) < AGAIN_CYCLES;
    if (isSoon) return undefined;
    finding.lookedAt = cycle;
    const read = (at: number, sizeBytes: number) => this.#cursor.readMemory(at, sizeBytes);
    finding.kallsyms = findKallsyms(read, RAM, RAM + this.#searchBytes());
    return finding.kallsyms;
  }

  #searchBytes(): number {
    let sizeBytes = SEARCH_BYTES;
    while (sizeBytes > 0 && this.#cursor.readMemory(RAM + sizeBytes - 1, 1) === undefined) {
      sizeBytes -= 1 << 20;
    }
    return sizeBytes;
  }

  // The kernel relocates itself, so this may change on the way.
  #base({ baseAddress }: Kallsyms): bigint {
    const bytes = this.#cursor.readMemory(baseAddress, 8);
    return bytes ? new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true) : 0n;
  }

  #modulesNow(kallsyms: Kallsyms): readonly ModuleSymbols[] {
    const { cycle } = this.#cursor;
    if (this.#modules?.cycle !== cycle) {
      const list = kallsyms.table.address("modules");
      const symbols = list === undefined ? [] : readModules(
        (at, sizeBytes) => this.#readVirtual(at, sizeBytes),
        this.#base(kallsyms) + list,
      );
      this.#modules = { cycle, symbols };
    }
    return this.#modules.symbols;
  }

  // Any hart's tables hold all of the kernel once it has switched them on.
  #readVirtual(address: bigint, sizeBytes: number): Uint8Array | undefined {
    for (let hart = 0; hart < this.#cursor.harts; hart++) {
      const bytes = this.#readBy(hart, address, sizeBytes);
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }

  #readBy(hart: number, address: bigint, sizeBytes: number): Uint8Array | undefined {
    const bytes = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes;) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const inPage = Math.min(4096 - Number(at & 4095n), sizeBytes - done);
      const physical = this.#cursor.translate(hart, at, true);
      const part = physical === undefined ? undefined : this.#cursor.readMemory(physical, inPage);
      if (part === undefined) return undefined;
      bytes.set(part, done);
      done += inPage;
    }
    return bytes;
  }
}
