/** What is known of blocks of a disk, by their numbers. */

/** Blocks come in rows: a look at the next one is a look into an array. */
const GROUP = 32;

type Group<T> = (T | undefined)[];

export class BlockTable<T extends object> {
  readonly #groups = new Map<number, Group<T>>();
  /** The group used last, and its number. */
  #number = -1;
  #group: Group<T> | undefined;
  #size = 0;

  /** How many blocks it has something for. */
  get size(): number {
    return this.#size;
  }

  get(block: number): T | undefined {
    const number = Math.floor(block / GROUP);
    if (number !== this.#number) this.#find(number);
    return this.#group?.[block - number * GROUP];
  }

  has(block: number): boolean {
    return this.get(block) !== undefined;
  }

  set(block: number, value: T): void {
    if (this.get(block) === undefined) this.#size++;
    const group = this.#group ?? this.#add();
    group[block - this.#number * GROUP] = value;
  }

  delete(block: number): void {
    if (this.get(block) === undefined) return;
    this.#size--;
    this.#group![block - this.#number * GROUP] = undefined;
  }

  /** Of all blocks, ascending. */
  *numbers(): Generator<number> {
    for (const number of [...this.#groups.keys()].sort((a, b) => a - b)) {
      const group = this.#groups.get(number)!;
      for (let i = 0; i < GROUP; i++) if (group[i] !== undefined) yield number * GROUP + i;
    }
  }

  #find(number: number): void {
    this.#number = number;
    this.#group = this.#groups.get(number);
  }

  #add(): Group<T> {
    const group = new Array<T | undefined>(GROUP).fill(undefined);
    this.#groups.set(this.#number, group);
    return this.#group = group;
  }
}
