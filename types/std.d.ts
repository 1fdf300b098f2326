declare module "@std/assert" {
  export function assert(value: unknown, message?: string): asserts value;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertThrows(
    run: () => unknown,
    // deno-lint-ignore no-explicit-any
    error?: new (...parameters: any[]) => Error,
    contains?: string,
  ): Error;
  export function assertRejects(
    run: () => Promise<unknown>,
    // deno-lint-ignore no-explicit-any
    error?: new (...parameters: any[]) => Error,
    contains?: string,
  ): Promise<Error>;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
}

declare module "@std/path" {
  export function basename(path: string): string;
  export function dirname(path: string): string;
  export function fromFileUrl(url: string | URL): string;
  export function join(...paths: string[]): string;
  export function relative(from: string, to: string): string;
  export function resolve(...paths: string[]): string;
}
