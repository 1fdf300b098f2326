/**
 * The content of RAM at many cycles, shared: equal pages are kept once, and two contents share the
 * groups of pages in which they do not differ.
 */
import { sameBytes } from "./same_bytes.ts";

const PAGE_BYTES = 4096;
/** Pages of a group: one reference each. */
const GROUP_PAGES = 512;
/** What one page or group costs beside its bytes, about. */
const ENTRY_BYTES = 64;
const REFERENCE_BYTES = 8;

interface Page {
  readonly bytes: Uint8Array;
  readonly hash: bigint;
  /** Groups that hold it. */
  uses: number;
  /** Of the recording's stored pages, one that holds the same, if that is known. */
  stored?: number;
}

interface Group {
  readonly pages: readonly Page[];
  /** Contents that hold it. */
  uses: number;
}

/** What RAM holds at one cycle. Never changes; release it to the store that made it. */
export interface Content {
  readonly groups: readonly Group[];
}

/** Keeps each page once, and counts the bytes that all contents take together. */
export class PageStore {
  /** Of all contents that have not been released. */
  sizeBytes = 0;
  readonly #pages = new Map<bigint, Page>();

  /** Contents held by nobody else: all pages 0. @param memoryBytes a multiple of 4096 */
  zero(memoryBytes: number): Content {
    const pageCount = memoryBytes / PAGE_BYTES;
    const page: Page = { bytes: new Uint8Array(PAGE_BYTES), hash: -1n, uses: 0 };
    this.sizeBytes += PAGE_BYTES + ENTRY_BYTES;
    page.uses++; // the store's own: it stays
    const groups: Group[] = [];
    for (let first = 0; first < pageCount; first += GROUP_PAGES) {
      const size = Math.min(GROUP_PAGES, pageCount - first);
      groups.push(this.#group(Array.from({ length: size }, () => page)));
    }
    return this.#content(groups);
  }

  /**
   * A content that differs from another one in some pages.
   * @param changes page number, hash and bytes; the bytes are copied where no equal page is known
   */
  with(
    content: Content,
    changes: Iterable<{ readonly page: number; readonly hash: bigint; readonly bytes: Uint8Array }>,
  ): Content {
    const changed = new Map<number, Page[]>();
    for (const { page, hash, bytes } of changes) {
      const index = Math.floor(page / GROUP_PAGES);
      const old = (changed.get(index) ?? content.groups[index].pages)[page % GROUP_PAGES];
      if (sameBytes(old.bytes, bytes)) continue;
      let pages = changed.get(index);
      if (!pages) changed.set(index, pages = [...content.groups[index].pages]);
      pages[page % GROUP_PAGES] = this.#page(hash, bytes);
    }
    return this.#content(
      content.groups.map((group, index) => {
        const pages = changed.get(index);
        return pages ? this.#group(pages) : group;
      }),
    );
  }

  /** One more user of a content: it must be released once more. */
  retain(content: Content): Content {
    return this.#content(content.groups);
  }

  /** Drops what no other content holds. */
  release(content: Content): void {
    this.sizeBytes -= contentBytes(content.groups);
    for (const group of content.groups) {
      if (--group.uses > 0) continue;
      this.sizeBytes -= groupBytes(group.pages);
      for (const page of group.pages) {
        if (--page.uses > 0) continue;
        this.sizeBytes -= PAGE_BYTES + ENTRY_BYTES;
        if (this.#pages.get(page.hash) === page) this.#pages.delete(page.hash);
      }
    }
  }

  #page(hash: bigint, bytes: Uint8Array): Page {
    const known = this.#pages.get(hash);
    if (known && sameBytes(known.bytes, bytes)) return known;
    const page = { bytes: bytes.slice(), hash, uses: 0 };
    this.sizeBytes += PAGE_BYTES + ENTRY_BYTES;
    // Two contents of one hash: the older one stays the one that is shared.
    if (!known) this.#pages.set(hash, page);
    return page;
  }

  #group(pages: readonly Page[]): Group {
    for (const page of pages) page.uses++;
    this.sizeBytes += groupBytes(pages);
    return { pages, uses: 0 };
  }

  #content(groups: readonly Group[]): Content {
    for (const group of groups) group.uses++;
    this.sizeBytes += contentBytes(groups);
    return { groups };
  }
}

/** The pages in which two contents of the same size differ. */
export function* differences(a: Content, b: Content): Generator<number> {
  for (let index = 0; index < a.groups.length; index++) {
    const [left, right] = [a.groups[index], b.groups[index]];
    if (left === right) continue;
    for (let page = 0; page < left.pages.length; page++) {
      if (left.pages[page] !== right.pages[page]) yield index * GROUP_PAGES + page;
    }
  }
}

/** What a page holds in a content. */
export function pageBytes(content: Content, page: number): Uint8Array {
  return pageAt(content, page).bytes;
}

/** The recording's stored page that holds what a page holds in a content; `undefined` if it is not known. */
export function storedNumber(content: Content, page: number): number | undefined {
  return pageAt(content, page).stored;
}

/** A page holds in a content what this stored page of the recording holds. */
export function nameStored(content: Content, page: number, number: number | undefined): void {
  pageAt(content, page).stored = number;
}

function pageAt(content: Content, page: number): Page {
  return content.groups[Math.floor(page / GROUP_PAGES)].pages[page % GROUP_PAGES];
}

function groupBytes(pages: readonly Page[]): number {
  return pages.length * REFERENCE_BYTES + ENTRY_BYTES;
}

function contentBytes(groups: readonly Group[]): number {
  return groups.length * REFERENCE_BYTES + ENTRY_BYTES;
}
