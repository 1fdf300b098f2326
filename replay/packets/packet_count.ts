/** How many frames each network card sent and got, and how many it never did, by the reason. */
import type { Packet } from "./packet_list.ts";

export interface PacketCount {
  /** `g1/net0` */
  readonly nic: string;
  readonly sent: number;
  /** All that came to the card. */
  readonly received: number;
  /** Of these, what the card never passed on to its guest. */
  readonly unread: readonly Reason[];
  /** What ended on the link's way down to the card. */
  readonly lost: readonly Reason[];
}

interface Reason {
  readonly why: string;
  readonly count: number;
}

/** In the order of the first packet of each card. */
export function countPackets(packets: readonly Packet[]): PacketCount[] {
  return [...Map.groupBy(packets, ({ nic }) => nic)].map(([nic, its]) => {
    const of = (direction: Packet["direction"]) => its.filter((it) => it.direction === direction);
    const received = of("received");
    return {
      nic,
      sent: of("sent").length,
      received: received.length,
      unread: reasons(received),
      lost: reasons(of("lost")),
    };
  });
}

function reasons(packets: readonly Packet[]): Reason[] {
  const failed = packets.filter(({ why }) => why !== undefined);
  return [...Map.groupBy(failed, ({ why }) => why!)]
    .map(([why, its]) => ({ why, count: its.length }));
}
