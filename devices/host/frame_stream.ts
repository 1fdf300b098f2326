/** Frames on a stream: 4 bytes of length, big-endian, and the frame. Source: QEMU 7.2, net/stream.c. */

const LENGTH_BYTES = 4;
/** QEMU takes no more either: NET_BUFSIZE in include/net/net.h. */
export const STREAM_FRAME_BYTES_MAX = 4096 + 65536;

export function streamFrame(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(LENGTH_BYTES + frame.length);
  new DataView(bytes.buffer).setUint32(0, frame.length);
  bytes.set(frame, LENGTH_BYTES);
  return bytes;
}

/** Takes a stream apart, however it is cut; holds at most one frame that is not whole. */
export class FrameReader {
  readonly #buffer = new Uint8Array(LENGTH_BYTES + STREAM_FRAME_BYTES_MAX);
  #filled = 0;

  /**
   * The next bytes of the stream. A frame lasts until the next one is asked for.
   *
   * @throws RangeError at a length that no frame has
   */
  *feed(bytes: Uint8Array): Generator<Uint8Array> {
    for (let rest = bytes; rest.length > 0;) {
      const part = rest.subarray(0, this.#wanted() - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      if (this.#filled < this.#wanted()) continue;
      yield this.#buffer.subarray(LENGTH_BYTES, this.#filled);
      this.#filled = 0;
    }
  }

  /** How many bytes of the stream make the length, or once it is known the frame, whole. */
  #wanted(): number {
    if (this.#filled < LENGTH_BYTES) return LENGTH_BYTES;
    const frameBytes = new DataView(this.#buffer.buffer).getUint32(0);
    if (frameBytes > STREAM_FRAME_BYTES_MAX) {
      throw new RangeError(`a frame of ${frameBytes} bytes; at most ${STREAM_FRAME_BYTES_MAX} fit`);
    }
    return LENGTH_BYTES + frameBytes;
  }
}
