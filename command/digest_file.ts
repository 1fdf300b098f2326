/** The file of `--digests`: a line `cycle digest` each. */
import { HostError, reason, UsageError } from "./errors.ts";

export class DigestFile {
  readonly #file: Deno.FsFile;

  /** @throws UsageError if it cannot be created */
  constructor(readonly path: string) {
    try {
      this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
    } catch (error) {
      throw new UsageError(`--digests ${path}: ${reason(error)}`);
    }
  }

  /** @throws HostError if the host's disk is full or fails */
  write(cycle: number, digest: string): void {
    try {
      const bytes = new TextEncoder().encode(`${cycle} ${digest}\n`);
      let done = 0;
      while (done < bytes.length) done += this.#file.writeSync(bytes.subarray(done));
    } catch (error) {
      throw new HostError(`--digests ${this.path}: ${reason(error)}`);
    }
  }

  close(): void {
    this.#file.close();
  }
}
