/**
 * What core, devices and replay may use beyond the language itself: WebAssembly, which every host
 * of ours has. Source: WebAssembly JavaScript Interface, section 5.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    readonly address?: "i32" | "i64";
    readonly initial: number | bigint;
    readonly maximum?: number | bigint;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    grow(pages: number | bigint): number | bigint;
  }
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer> | ArrayBuffer);
  }
  interface TableDescriptor {
    readonly element: "anyfunc";
    readonly initial: number;
    readonly maximum?: number;
  }
  class Table {
    constructor(descriptor: TableDescriptor);
    readonly length: number;
    grow(count: number): number;
    set(index: number, value: ((...parameters: never[]) => unknown) | null): void;
  }
  type ExportValue = Memory | ((...parameters: never[]) => unknown);
  type Exports = Record<string, ExportValue>;
  type Imports = Record<string, Record<string, unknown>>;
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
}

/** How a caller says that it waits no longer. Source: DOM, section 3.2. */
interface AbortSignal {
  readonly aborted: boolean;
}
