/**
 * Packets of gdb's remote protocol: `$data#checksum`, acknowledged by `+` or `-`.
 * Source: Debugging with GDB, appendix E.1 "Overview". Bytes are characters of 0 to 255 here.
 */

/** Longest data of a packet, after escaping; told to gdb as `PacketSize`. */
export const PACKET_BYTES_MAX = 0x8000;

/** What arrives. */
export type Arrived =
  | { readonly kind: "packet"; readonly data: string }
  /** Ctrl-C, outside any packet. */
  | { readonly kind: "interrupt" }
  /** The other side wants our last packet again. */
  | { readonly kind: "resend" }
  /** A packet with a wrong checksum, or longer than {@link PACKET_BYTES_MAX}. */
  | { readonly kind: "damaged" };

const INTERRUPT = 0x03;
const [DOLLAR, HASH, ESCAPE, PLUS_MINUS] = [0x24, 0x23, 0x7d, 0x2d];

/** Cuts a stream of bytes into packets. Any bytes are safe; what makes no sense is skipped. */
export class PacketReader {
  #state: "between" | "data" | "checksum" = "between";
  #data: number[] = [];
  #isTooLong = false;
  #checksum = "";

  /** Takes bytes as they come, in any pieces. */
  *feed(bytes: Uint8Array): Generator<Arrived> {
    for (const byte of bytes) {
      const arrived = this.#byte(byte);
      if (arrived) yield arrived;
    }
  }

  #byte(byte: number): Arrived | undefined {
    if (byte === DOLLAR && this.#state !== "checksum") {
      // Data never holds a bare `$`: the packet before was cut off.
      this.#state = "data";
      this.#data = [];
      this.#isTooLong = false;
      return undefined;
    }
    switch (this.#state) {
      case "between":
        if (byte === INTERRUPT) return { kind: "interrupt" };
        return byte === PLUS_MINUS ? { kind: "resend" } : undefined;
      case "data":
        if (byte === HASH) {
          this.#state = "checksum";
          this.#checksum = "";
        } else if (this.#data.length < PACKET_BYTES_MAX) this.#data.push(byte);
        else this.#isTooLong = true;
        return undefined;
      case "checksum":
        this.#checksum += String.fromCharCode(byte);
        if (this.#checksum.length < 2) return undefined;
        this.#state = "between";
        return this.#packet();
    }
  }

  #packet(): Arrived {
    const sum = this.#data.reduce((total, byte) => (total + byte) & 255, 0);
    const isRight = /^[0-9a-f]{2}$/i.test(this.#checksum) && parseInt(this.#checksum, 16) === sum;
    return isRight && !this.#isTooLong
      ? { kind: "packet", data: unescaped(this.#data) }
      : { kind: "damaged" };
  }
}

/** A packet with this data, ready to send. */
export function encodePacket(data: string): Uint8Array {
  const bytes = [DOLLAR];
  let sum = 0;
  const put = (byte: number) => {
    bytes.push(byte);
    sum = (sum + byte) & 255;
  };
  for (let i = 0; i < data.length; i++) {
    const byte = data.charCodeAt(i) & 255;
    // `*` would begin a run-length in a reply.
    if (byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === 0x2a) {
      put(ESCAPE);
      put(byte ^ 0x20);
    } else put(byte);
  }
  const checksum = sum.toString(16).padStart(2, "0");
  bytes.push(HASH, checksum.charCodeAt(0), checksum.charCodeAt(1));
  return Uint8Array.from(bytes);
}

function unescaped(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const isEscape = bytes[i] === ESCAPE && i + 1 < bytes.length;
    text += String.fromCharCode(isEscape ? bytes[++i] ^ 0x20 : bytes[i]);
  }
  return text;
}
