/** What every loader gives: pieces of RAM, and where execution starts. */

/** Bytes at a guest-physical address. */
export interface Segment {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes that the image takes in RAM from `address` on; more than `bytes` where the rest starts as zeros. */
  readonly sizeBytes: number;
}

/** An image that has its place. */
export interface LoadedImage {
  /** Its file's name, for messages. */
  readonly name: string;
  readonly entry: number;
  readonly segments: readonly Segment[];
}

/** A file that was given to the machine. */
export interface ImageFile {
  /** Its file's name, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file that cannot be loaded, or has no place: the caller's mistake. The message is one line. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}
