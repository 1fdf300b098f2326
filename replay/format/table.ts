/** Numbers texts in the order of their first use, so that a chunk holds each once. */
export class Table {
  readonly names: string[] = [];
  readonly #indices = new Map<string, number>();

  index(name: string): number {
    let index = this.#indices.get(name);
    if (index === undefined) {
      index = this.names.push(name) - 1;
      this.#indices.set(name, index);
    }
    return index;
  }
}
