/** Guest RAM as masters other than harts see it, and its digest. */
import type { XXHashAPI } from "xxhash-wasm";
import type { GuestMemory } from "./device.ts";
import type { Engine } from "./hart/engine.ts";
import { DRAM } from "./hart/layout.ts";

const PAGE_BYTES = 4096;
const GROUP_PAGES = PAGE_BYTES / 8;

/** RAM at {@link DRAM}. */
export class Ram implements GuestMemory {
  /**
   * @param running the hart whose instruction is under way
   * @param wrote called after each store
   */
  constructor(
    readonly engine: Engine,
    readonly running: () => number,
    readonly wrote: (physical: number, sizeBytes: number) => void = () => {},
  ) {}

  view(address: number, sizeBytes: number): Uint8Array | undefined {
    const offset = this.#offset(address, sizeBytes);
    return offset === undefined
      ? undefined
      : this.engine.bytes.subarray(offset, offset + sizeBytes);
  }

  write(address: number, bytes: Uint8Array): boolean {
    const offset = this.#offset(address, bytes.length);
    if (offset === undefined) return false;
    let done = 0;
    while (done < bytes.length) {
      const inPage = PAGE_BYTES - (address + done) % PAGE_BYTES;
      const sizeBytes = Math.min(inPage, bytes.length - done);
      this.engine.beforeExternalStore(this.running(), offset + done, sizeBytes);
      done += sizeBytes;
    }
    this.engine.bytes.set(bytes, offset);
    this.wrote(address, bytes.length);
    return true;
  }

  #offset(address: number, sizeBytes: number): number | undefined {
    const { memoryBytes, ram } = this.engine.layout;
    const inside = address >= DRAM && sizeBytes >= 0 && address + sizeBytes <= DRAM + memoryBytes;
    return inside ? ram + (address - DRAM) : undefined;
  }
}

/** Of a page in a {@link PageList}: removed ones still stand in it. */
const [ABSENT, PRESENT, REMOVED] = [0, 1, 2];

/** Numbers of pages, each of them once. */
class PageList {
  /** Those that were added since the last {@link take}; one that was removed still stands there. */
  #added: number[] = [];
  /** By page. */
  readonly #states: Uint8Array;

  constructor(pages: number) {
    this.#states = new Uint8Array(pages);
  }

  add(page: number): void {
    if (this.#states[page] === ABSENT) this.#added.push(page);
    this.#states[page] = PRESENT;
  }

  /** Whether it was there. */
  remove(page: number): boolean {
    if (this.#states[page] !== PRESENT) return false;
    this.#states[page] = REMOVED;
    return true;
  }

  /** All of them; it is empty then. */
  take(): readonly number[] {
    const added = this.#added;
    this.#added = [];
    const present = added.filter((page) => this.#states[page] === PRESENT);
    for (const page of added) this.#states[page] = ABSENT;
    return present;
  }
}

/** A hash over all of RAM that looks only at the pages written since the last time. */
export class RamDigest {
  readonly #pages: BigUint64Array;
  readonly #pageBytes: Uint8Array;
  readonly #groups: BigUint64Array;
  /** Pages whose hash is out of date, and groups of which it was. */
  readonly #stalePages: PageList;
  readonly #staleGroups: PageList;
  /** Pages written since {@link takeWritten} was last called. */
  readonly #written: PageList;

  constructor(readonly engine: Engine, readonly hash: XXHashAPI) {
    const pages = engine.layout.memoryBytes / PAGE_BYTES;
    const zero = hash.h64Raw(new Uint8Array(PAGE_BYTES));
    this.#pages = new BigUint64Array(Math.ceil(pages / GROUP_PAGES) * GROUP_PAGES).fill(zero);
    this.#pageBytes = new Uint8Array(this.#pages.buffer);
    this.#groups = new BigUint64Array(this.#pages.length / GROUP_PAGES);
    this.#stalePages = new PageList(pages);
    this.#staleGroups = new PageList(this.#groups.length);
    this.#written = new PageList(pages);
    for (let group = 0; group < this.#groups.length; group++) this.#hashGroup(group);
  }

  /** The hash of what RAM holds now. Resets the engine's list of written pages. */
  value(): bigint {
    this.#collect();
    for (const page of this.#stalePages.take()) this.#hashPage(page);
    for (const group of this.#staleGroups.take()) this.#hashGroup(group);
    return this.hash.h64Raw(new Uint8Array(this.#groups.buffer));
  }

  /** Takes the numbers of the pages written since the last call, or since reset. */
  takeWritten(): readonly number[] {
    this.#collect();
    return this.#written.take();
  }

  /** The hash of what one page holds now; of one that {@link takeWritten} has named since it was written. */
  page(page: number): bigint {
    if (this.#stalePages.remove(page)) this.#hashPage(page);
    return this.#pages[page];
  }

  // The engine has one list of written pages; digests and checkpoints both see all of it.
  #collect(): void {
    for (const page of this.engine.takeDirtyPages()) {
      this.#stalePages.add(page);
      this.#written.add(page);
    }
  }

  #hashPage(page: number): void {
    this.#pages[page] = this.engine.pageHash(page);
    this.#staleGroups.add(Math.floor(page / GROUP_PAGES));
  }

  #hashGroup(group: number): void {
    const first = group * PAGE_BYTES;
    this.#groups[group] = this.hash.h64Raw(this.#pageBytes.subarray(first, first + PAGE_BYTES));
  }
}
