/** Names of addresses, whatever they were read from. */
import { partitionPoint } from "../../core/partition_point.ts";

/** A name, and how far behind its address we are. */
export interface Place {
  readonly name: string;
  /** Bytes from the symbol's address. */
  readonly offset: bigint;
}

/** Names of virtual addresses. */
export interface Symbols {
  /** The address of a name; `undefined` if there is no such name. */
  address(name: string): bigint | undefined;
  /** The last name at or before an address; `undefined` if the address is in nothing named. */
  nearest(address: bigint): Place | undefined;
}

/** A name and where it is. */
export interface Symbol {
  readonly name: string;
  /** Virtual, unsigned. */
  readonly address: bigint;
  /** 0 if unknown: then it reaches to the next symbol. */
  readonly sizeBytes: bigint;
}

/** A symbol of unknown size that is the last one reaches so far at most. */
const REACH_BYTES = 1n << 20n;

/** Symbols in a sorted list. Of several at one address the first given counts. */
export class SymbolTable implements Symbols {
  readonly #sorted: readonly Symbol[];
  readonly #byName = new Map<string, bigint>();

  constructor(symbols: readonly Symbol[]) {
    this.#sorted = symbols
      .map((symbol, index) => ({ symbol, index }))
      .sort((a, b) =>
        a.symbol.address < b.symbol.address
          ? -1
          : a.symbol.address > b.symbol.address
          ? 1
          : a.index - b.index
      )
      .map(({ symbol }) => symbol)
      .filter((symbol, i, all) => i === 0 || all[i - 1].address !== symbol.address);
    for (const { name, address } of symbols) {
      if (!this.#byName.has(name)) this.#byName.set(name, address);
    }
  }

  /** How many addresses have a name. */
  get count(): number {
    return this.#sorted.length;
  }

  address(name: string): bigint | undefined {
    return this.#byName.get(name);
  }

  nearest(address: bigint): Place | undefined {
    const count = partitionPoint(
      this.#sorted.length,
      (index) => this.#sorted[index].address <= address,
    );
    const symbol = this.#sorted[count - 1];
    if (symbol === undefined) return undefined;
    const offset = address - symbol.address;
    const reach = symbol.sizeBytes > 0n ? symbol.sizeBytes : REACH_BYTES;
    return offset < reach ? { name: symbol.name, offset } : undefined;
  }
}

/** The first that knows an answer gives it. */
export class CombinedSymbols implements Symbols {
  constructor(readonly parts: readonly Symbols[]) {}

  address(name: string): bigint | undefined {
    for (const part of this.parts) {
      const address = part.address(name);
      if (address !== undefined) return address;
    }
    return undefined;
  }

  nearest(address: bigint): Place | undefined {
    for (const part of this.parts) {
      const place = part.nearest(address);
      if (place !== undefined) return place;
    }
    return undefined;
  }
}

/** `name+0x12`, or `name` at its very address. */
export function placeText({ name, offset }: Place): string {
  return offset === 0n ? name : `${name}+0x${offset.toString(16)}`;
}
