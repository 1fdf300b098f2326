/** The capture file, byte by byte, and as Wireshark's own reader sees it. */
import { assertEquals } from "@std/assert";
import { type CapturedPacket, captureHead, packetBlock } from "../../../replay/packets/pcapng.ts";
import { hasPeer, runPeer } from "../../peer.ts";
import { arp, echoRequest, neighbourSolicitation, tcp, udp } from "./frames.ts";

const NINE_MINUTES = 540_000_000_123; // above 2^32

function capture(packets: readonly CapturedPacket[]): Uint8Array {
  const head = captureHead("hindsight", [{ name: "g1/net0" }, { name: "g2/net0" }]);
  return new Uint8Array([head, ...packets.map(packetBlock)].flatMap((part) => [...part]));
}

Deno.test("packetBlock() gives the bytes of draft-ietf-opsawg-pcapng, section 4.3", () => {
  const bytes = Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd, 0xee);
  const cycle = 0x1_0000_0002;
  const packet: CapturedPacket = { interface: 1, cycle, direction: "sent", bytes, comment: "é!" };
  const expected =
    "06000000 3c000000 01000000 01000000 02000000 05000000 05000000 aabbccdd ee000000" +
    " 01000200 3f210000 02000400 02000000 00000000 3c000000";
  const found = packetBlock(packet).toHex();
  assertEquals(found, expected.replaceAll(" ", ""));
});

Deno.test("tshark reads what captureHead() and packetBlock() write", async () => {
  if (!await hasPeer("tshark", "tshark")) return;
  const frames = [arp(1), udp([1, 2, 3]), tcp([], 2), echoRequest([9]), neighbourSolicitation()];
  const packets = frames.map((bytes, index): CapturedPacket => ({
    interface: index % 2,
    cycle: NINE_MINUTES + index,
    direction: index % 2 === 0 ? "sent" : "received",
    bytes,
    comment: `cycle ${NINE_MINUTES + index}, id g1/net0>${index}`,
  }));
  const path = await Deno.makeTempFile({ suffix: ".pcapng" });
  try {
    await Deno.writeFile(path, capture(packets));
    const { stdout, stderr } = await runPeer("tshark", [
      ...["-r", path, "-n", "-T", "fields", "-E", "separator=|"],
      ...["-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"],
      ...["frame.interface_name", "frame.time_epoch", "frame.packet_flags_direction", "frame.len"]
        .flatMap((name) => ["-e", name]),
      ...["_ws.col.Protocol", "frame.comment", "udp.checksum.status", "tcp.checksum.status"]
        .flatMap((name) => ["-e", name]),
      ...["icmp.checksum.status", "icmpv6.checksum.status"].flatMap((name) => ["-e", name]),
    ]);
    const rows = stdout.trimEnd().split("\n").map((line) => line.split("|"));
    const told = rows.map(([name, time, direction, length, protocol, comment, ...sums]) => [
      ...[name, time, Number(direction), Number(length), protocol, comment, sums.join("")],
    ]);
    const protocols = ["ARP", "UDP", "TCP", "ICMP", "ICMPv6"];
    assertEquals(
      told,
      packets.map((packet, index) => [
        ["g1/net0", "g2/net0"][packet.interface],
        `540.00000012${3 + index}`,
        packet.direction === "sent" ? 2 : 1,
        packet.bytes.length,
        protocols[index],
        packet.comment,
        index === 0 ? "" : "1", // 1: good
      ]),
    );
    assertEquals(stderr.replaceAll(/Running as user.*\n/g, ""), "");
  } finally {
    await Deno.remove(path);
  }
});
