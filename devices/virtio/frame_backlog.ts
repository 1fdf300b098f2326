/** Frames from the wire that wait until the driver has buffers for them. */

/** A card's own memory: what comes on top of it is lost. */
export const BACKLOG_FRAMES_MAX = 256;
export const BACKLOG_BYTES_MAX = 1024 * 1024;

/** A first-in first-out queue of frames that tells when it holds too much. */
export class FrameBacklog {
  #frames: Uint8Array[] = [];
  #sizeBytes = 0;

  get first(): Uint8Array | undefined {
    return this.#frames[0];
  }

  get count(): number {
    return this.#frames.length;
  }

  get isOver(): boolean {
    return this.#frames.length > BACKLOG_FRAMES_MAX || this.#sizeBytes > BACKLOG_BYTES_MAX;
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame.slice());
    this.#sizeBytes += frame.length;
  }

  shift(): void {
    this.#sizeBytes -= this.#frames.shift()?.length ?? 0;
  }

  save(): readonly Uint8Array[] {
    return this.#frames.slice();
  }

  restore(frames: readonly Uint8Array[]): void {
    this.#frames = frames.slice();
    this.#sizeBytes = frames.reduce((sum, { length }) => sum + length, 0);
  }
}
