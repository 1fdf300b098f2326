/** The host's end of a network card's cable. What comes from it goes into a {@link NetworkMailbox}. */
import type { NetworkMailbox } from "./network_mailbox.ts";

export interface NetworkEnd {
  /**
   * Takes a frame that the guest sent. It must not wait: what it cannot pass on it loses, and tells
   * the mailbox.
   * @param frame 14 to 65,535 bytes; never written to afterwards
   */
  send(frame: Uint8Array): void;
  /** Gives back what it holds of the host. A second call does nothing. */
  close(): void;
}

/** Puts an end on a cable. */
export type OpenEnd = (mailbox: NetworkMailbox) => NetworkEnd | Promise<NetworkEnd>;

/** No cable: the link is down from the first cycle on, and nothing waits for it. */
export function noEnd(mailbox: NetworkMailbox): NetworkEnd {
  mailbox.close("no cable is plugged in");
  return { send: () => {}, close: () => {} };
}
