/** What an end of a network cable has for the guest and the machine has not yet taken. */
import { HOST_DEVICE, type HostEvent, type HostEventName } from "../../core/host_event.ts";
import type { Input } from "../../core/host.ts";
import { FRAME_BYTES_MAX, FRAME_BYTES_MIN } from "../virtio/net.ts";

/** Beyond this an end holds back more, or loses it. */
export const MAILBOX_INPUTS_MAX = 1024;
export const MAILBOX_BYTES_MAX = 2 * 1024 * 1024;

/** A wire of 1 Gbit/s: 8 cycles a byte, with preamble, FCS and gap (IEEE 802.3, 4.2.3 and 4.4.2). */
const CYCLES_PER_BYTE = 8;
const AROUND_FRAME_BYTES = 24;

/**
 * A bounded queue of frames, link changes and host events for one network card, in the order in
 * which they came. An end fills it at any time; the machine drains it, no faster than a wire would.
 */
export class NetworkMailbox {
  readonly #inputs: Input[] = [];
  /** By what happened to them: how many frames nobody will see. */
  readonly #lost = new Map<string, number>();
  #isLosing = false;
  /** Of frames. */
  #sizeBytes = 0;
  #isOpen = true;
  #isUp = true;
  /** The cycle at which the wire is free again. */
  #freeAt = 0;
  #onRoom: (() => void) | undefined;

  /** @param onArrival called after each change that the machine may be waiting for */
  constructor(readonly device: string, readonly onArrival: () => void) {}

  /** Whether more may come: while it does, the machine waits in wall time. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get hasRoom(): boolean {
    return this.#inputs.length < MAILBOX_INPUTS_MAX && this.#sizeBytes < MAILBOX_BYTES_MAX;
  }

  /** The cycle from which on there is something to take; `Infinity`: nothing is there. */
  get next(): number {
    const [first] = this.#inputs;
    if (first === undefined) return this.#lost.size > 0 ? 0 : Infinity;
    return first.kind === "frame" ? this.#freeAt : 0;
  }

  /** A frame for the guest; of no frame's size, or without room for it, it is lost and counted. */
  post(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    if (bytes.length < FRAME_BYTES_MIN || bytes.length > FRAME_BYTES_MAX) {
      return this.lose("of no frame's size");
    }
    if (!this.hasRoom) return this.lose("for the guest, which is slower");
    this.#sizeBytes += bytes.length;
    this.#push({ device: this.device, kind: "frame", bytes: bytes.slice() });
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (!this.hasRoom && this.#isOpen) {
      await new Promise<void>((resolve) => this.#onRoom = resolve);
    }
  }

  /** The cable is plugged in or pulled out; at first it is plugged in. */
  setLink(up: boolean): void {
    if (up === this.#isUp || !this.#isOpen) return;
    this.#isUp = up;
    this.#push({ device: this.device, kind: "link", up });
  }

  /** Counts a frame that gets no further. It is told once no more of them are lost. */
  lose(why: string): void {
    this.#isLosing = true;
    this.#lost.set(why, (this.#lost.get(why) ?? 0) + 1);
    this.onArrival();
  }

  /** Tells of something on the host's side. @param text printable ASCII */
  tell(event: HostEventName, text: string): void {
    this.#push(this.#event(event, text));
  }

  take(cycle: number): Input | undefined {
    if (this.next > cycle) return undefined;
    const input = this.#inputs.shift();
    if (input === undefined) return this.#takeLoss();
    if (input.kind === "frame") {
      this.#sizeBytes -= input.bytes.length;
      this.#freeAt = cycle + (input.bytes.length + AROUND_FRAME_BYTES) * CYCLES_PER_BYTE;
    }
    if (this.hasRoom) this.#wakeEnd();
    return input;
  }

  /** Nothing more will come: the link goes down for good. A second call does nothing. */
  close(why: string): void {
    if (!this.#isOpen) return;
    this.tell("end-closed", why);
    this.setLink(false);
    this.#isOpen = false;
    this.#wakeEnd();
    this.onArrival();
  }

  #push(input: Input): void {
    this.#inputs.push(input);
    this.onArrival();
  }

  #wakeEnd(): void {
    this.#onRoom?.();
    this.#onRoom = undefined;
  }

  /** Not while it goes on: a burst is one event, however many frames are lost in it. */
  #takeLoss(): Input | undefined {
    const wasLosing = this.#isLosing;
    this.#isLosing = false;
    const [loss] = this.#lost;
    if (wasLosing || loss === undefined) return undefined;
    const [why, count] = loss;
    this.#lost.delete(why);
    return this.#event("frames-lost", `${count} ${count === 1 ? "frame" : "frames"} ${why}`);
  }

  #event(event: HostEventName, text: string): HostEvent {
    return { device: HOST_DEVICE, kind: "host", event, concerns: this.device, text };
  }
}
