/** A list of packets is made of what was sent, what was received, and what a network did. */
import { assertEquals } from "@std/assert";
import type { FrameId } from "../../../core/host.ts";
import type { LogEntry } from "../../../replay/log.ts";
import { CardWatch } from "../../../replay/packets/card_watch.ts";
import { countPackets } from "../../../replay/packets/packet_count.ts";
import { type Packet, packetList } from "../../../replay/packets/packet_list.ts";
import { arp, udp } from "./frames.ts";

function received(cycle: number, id: string, bytes: Uint8Array, sent?: FrameId): LogEntry {
  const input = { device: "net0", kind: "frame", bytes, sent } as const;
  return { cycle, id, version: sent === undefined ? 1 : 2, kind: "input", input };
}

const brief = ({ cycle, nic, direction, id, fate }: Packet) =>
  `${cycle} ${nic} ${direction} ${id}: ${fate}`;

Deno.test("one machine's packets leave it, and come from outside", () => {
  const entries: LogEntry[] = [
    {
      cycle: 5,
      id: "m/uart0#0",
      version: 1,
      kind: "input",
      input: { device: "uart0", kind: "console", bytes: new Uint8Array(1) },
    },
    received(30, "m/net0#0", udp([1])),
  ];
  const sent = [{ id: "m/net0>0", cycle: 20, bytes: arp(1) }] as const;
  assertEquals(packetList({ entries, sent }).map(brief), [
    "20 m/net0 sent m/net0>0: left",
    "30 m/net0 received m/net0#0: from outside",
  ]);
});

Deno.test("a lab's frame is one thing from its sender to all its receivers", () => {
  const frame = "g1/net0>4";
  const entries = [
    received(300, "g2/net0#0", udp([1]), frame),
    received(350, "g2/net0#1", udp([1]), frame),
  ];
  const common = { cycle: 200, frame } as const;
  const packets = packetList({
    entries,
    sent: [{ id: frame, cycle: 100, bytes: udp([1]) }, {
      id: "g1/net0>5",
      cycle: 400,
      bytes: arp(1),
    }],
    network: {
      nics: ["g1/net0", "g2/net0", "g3/net0"],
      events: [
        { ...common, kind: "forwarded", at: "lan", copies: 2 },
        {
          ...common,
          kind: "impaired",
          event: "g2.net0:down/duplicate#9",
          what: "duplicate",
          delay: 50,
        },
        {
          ...common,
          kind: "dropped",
          at: "g3.net0:down",
          reason: "loss",
          event: "g3.net0:down/loss#2",
        },
        { ...common, kind: "dropped", at: "lan", reason: "no-port", event: undefined },
        {
          kind: "link",
          cycle: 250,
          link: "g3.net0",
          event: "g3.net0/flap#0",
          what: "flap",
          begins: true,
        },
      ],
      cards: new Map([["g2.net0:down", "g2/net0"], ["g3.net0:down", "g3/net0"]]),
    },
  });
  assertEquals(packets.map(brief), [
    "100 g1/net0 sent g1/net0>4: duplicate g2.net0:down/duplicate#9 by 50, to g2/net0 at 300, " +
    "to g2/net0 at 350, dropped at g3.net0:down: g3.net0:down/loss#2, dropped at lan: no-port",
    "200 g3/net0 lost g1/net0>4: dropped at g3.net0:down: g3.net0:down/loss#2",
    "300 g2/net0 received g1/net0>4: delivered",
    "350 g2/net0 received g1/net0>4: delivered",
    "400 g1/net0 sent g1/net0>5: under way",
  ]);
  assertEquals(packets[0].events, ["g2.net0:down/duplicate#9", "g3.net0:down/loss#2"]);
});

Deno.test("a frame that its card never passed on says so, with its id, and is counted", () => {
  const ids = ["g1/net0>0", "g1/net0>1", "g1/net0>2", "g1/net0>3"] as const;
  const entries = ids.map((id, n) => received(100 + n, `g2/net0#${n}`, udp([n]), id));
  const sent = ids.map((id, n) => ({ id, cycle: n, bytes: udp([n]) }));
  const watch = new CardWatch(entries);
  // The third is no frame to the card; then the oldest makes room, and the next one is passed on.
  watch.done(102, "net0", 2, "size");
  watch.done(103, "net0", 0, "backlog");
  watch.done(200, "net0", 0, undefined);
  const network = { nics: ["g1/net0", "g2/net0"], events: [], cards: new Map<string, string>() };
  const packets = packetList({ entries, sent, dropped: watch.drops(), network });
  assertEquals(packets.map(brief), [
    "0 g1/net0 sent g1/net0>0: to g2/net0 at 100, dropped by g2/net0 at 103: backlog",
    "1 g1/net0 sent g1/net0>1: to g2/net0 at 101",
    "2 g1/net0 sent g1/net0>2: to g2/net0 at 102, dropped by g2/net0 at 102: size",
    "3 g1/net0 sent g1/net0>3: to g2/net0 at 103, waits in g2/net0 for buffers",
    "100 g2/net0 received g1/net0>0: delivered, dropped by g2/net0 at 103: backlog",
    "101 g2/net0 received g1/net0>1: delivered",
    "102 g2/net0 received g1/net0>2: delivered, dropped by g2/net0 at 102: size",
    "103 g2/net0 received g1/net0>3: delivered, waits in g2/net0 for buffers",
  ]);
  const unread = ["backlog", "size", "waits"].map((why) => ({ why, count: 1 }));
  assertEquals(countPackets(packets), [
    { nic: "g1/net0", sent: 4, received: 0, unread: [], lost: [] },
    { nic: "g2/net0", sent: 0, received: 4, unread, lost: [] },
  ]);
});
