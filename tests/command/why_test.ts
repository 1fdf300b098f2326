import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { readRecordedFile } from "../../command/recording_file.ts";
import { labClients } from "../../command/lab_clients.ts";
import { DRAM } from "../../core/hart/layout.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const FILE = fromFileUrl(new URL("../replay/formats/v1.hsr", import.meta.url));

Deno.test("why names the writers of a value, as text and as JSON", async () => {
  const text = await hindsight(["why", FILE, "ledger"]);
  assertEquals(text.status, 0, text.stderr);
  assertMatch(
    text.stdout,
    /^cycle \d+: 8 bytes at physical 0x[0-9a-f]+ = 0x[0-9a-f]+, copied by hart 0 at 0x[0-9a-f]+ <ledger_init\+0x/,
  );
  assertMatch(text.stdout.split("\n")[0], /, in a call from </);
  const json = await hindsight(["why", FILE, "ledger", "--json", "--steps", "2"]);
  const { steps, cut } = JSON.parse(json.stdout);
  assertEquals([steps.length, cut.length], [2, 1]);
  assertEquals(steps[0].from, [1]);
});

Deno.test("why refuses what it cannot follow", async () => {
  for (
    const [args, message] of [
      [[FILE], /^hindsight: why needs a file and a register or an address/],
      [[FILE, "nowhere"], /^hindsight: "nowhere" is neither an address nor a known symbol\n$/],
      [[FILE, "0x10"], /^hindsight: 8 bytes at 0x10 are not all in memory\n$/],
      [[FILE, "a0", "--at", "9999999999999"], /^hindsight: --at 9999999999999: a cycle from 0/],
    ] as const
  ) {
    const { status, stderr } = await hindsight(["why", ...args]);
    assertEquals(status, 2);
    assertMatch(stderr, message);
  }
});

Deno.test("why goes on in the guest that sent a frame", async () => {
  const cable = { guest: "pocket", nics: [{ end: "link:cable" }] };
  await inFolder(async (folder) => {
    const [lab, path] = [join(folder, "lab.json"), join(folder, "lab.hsr")];
    await Deno.writeTextFile(lab, JSON.stringify({ guests: { a: cable, b: cable } }));
    const run = ["record", "--lab", lab, "--until-cycle", "3000000", "-o", path];
    assertEquals((await hindsight(run)).status, 0);
    const [address, value] = await arrivedByte(path);
    // Of the sender's address in b's ARP request (RFC 826): a got it, and b's program put it there.
    const args = ["why", path, `0x${address.toString(16)}`, "--size", "1"];
    const { status, stdout, stderr } = await hindsight([...args, "--guest", "a", "--json"]);
    assertEquals([status, stderr], [0, ""]);
    const { steps: [here], senders: [sender] } = JSON.parse(stdout);
    assertEquals([here.origin.arrived.sent, here.origin.arrived.byte], ["b/net0>0", SENDER_IP_END]);
    assertEquals([sender.guest, sender.frame], ["b", "b/net0>0"]);
    assert(sender.cycle < here.origin.arrived.cycle);
    const [there] = sender.steps;
    assertEquals([here.value, there.value], [`0x${value.toString(16)}`, here.value]);
    // pocket has its address from the last byte of its card's, a register of the card.
    assertMatch(there.origin.caller, /^send\+/);
    const end = sender.steps.at(-1).origin;
    assertEquals(end.kind, "device-register");
    assertMatch(end.symbol, /^net_init\+/);
    const text = await hindsight([...args, "--guest", "a"]);
    assertMatch(text.stdout, /^b\/net0>0 left b in cycle \d+:\ncycle \d+: .*<memcpy\+/m);
  });
});

/** The last byte of the sender's IP address, in an Ethernet frame. */
const SENDER_IP_END = 14 + 14 + 3;

/** Where in a's memory that byte of the first frame from b is, and what it is. */
async function arrivedByte(path: string): Promise<[address: number, value: number]> {
  const [a] = (await labClients(path, readRecordedFile(path).lab!, { at: 3_000_000 }))();
  const { cursor, events } = await a.open();
  const frame = events!.find(({ input }) => input?.kind === "frame")!.input!.bytes!;
  const ram = cursor.readMemory(DRAM, 1 << 20)!;
  for (let at = 0; at + frame.length <= ram.length; at++) {
    if (!frame.every((byte, index) => ram[at + index] === byte)) continue;
    return [DRAM + at + SENDER_IP_END, frame[SENDER_IP_END]];
  }
  throw new Error("the frame is nowhere in memory");
}
