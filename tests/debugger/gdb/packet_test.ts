import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { COMMANDS } from "../../../debugger/commands/list.ts";
import { Debugger } from "../../../debugger/debugger.ts";
import { type Arrived, encodePacket, PacketReader } from "../../../debugger/gdb/packet.ts";
import { GdbSession } from "../../../debugger/gdb/session.ts";
import { SymbolTable } from "../../../debugger/symbols/symbols.ts";
import { SimpleCursor } from "../simple_cursor.ts";

const SEED = 31;
const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const textOf = (bytes: Uint8Array) => String.fromCharCode(...bytes);

function read(text: string): Arrived[] {
  return [...new PacketReader().feed(bytesOf(text))];
}

Deno.test("encodePacket sums and escapes", () => {
  assertEquals(textOf(encodePacket("OK")), "$OK#9a");
  assertEquals(textOf(encodePacket("")), "$#00");
  assertEquals(textOf(encodePacket("a#$}*")), "$a}\x03}\x04}]}\x0a#c3");
});

Deno.test("PacketReader gives what was encoded, in any pieces", () => {
  const data = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
  const bytes = encodePacket(data);
  for (const piece of [1, 2, 7, bytes.length]) {
    const reader = new PacketReader();
    const arrived: Arrived[] = [];
    for (let at = 0; at < bytes.length; at += piece) {
      arrived.push(...reader.feed(bytes.subarray(at, at + piece)));
    }
    assertEquals(arrived, [{ kind: "packet", data }]);
  }
});

Deno.test("PacketReader tells interrupts, resends and damage apart", () => {
  assertEquals(read("+\x03"), [{ kind: "interrupt" }]);
  assertEquals(read("-"), [{ kind: "resend" }]);
  assertEquals(read("$g#68"), [{ kind: "damaged" }]);
  assertEquals(read("$g#xy"), [{ kind: "damaged" }]);
  assertEquals(read("$cut$g#67"), [{ kind: "packet", data: "g" }]);
  assertEquals(read(`$${"m".repeat(40_000)}#00`), [{ kind: "damaged" }]);
  assertEquals(read("$a\x03b#c6"), [{ kind: "packet", data: "a\x03b" }]);
});

const PACKETS = [
  "qSupported:swbreak+;xmlRegisters=riscv",
  "g",
  "G" + "00".repeat(264),
  "p20",
  "P1=0000000000000000",
  "m80000000,40",
  "M80000000,2:0000",
  "X80000000,2:ab",
  "Z0,80000010,2",
  "z0,80000010,2",
  "Z2,80000000,8",
  "z2,80000000,8",
  "vCont;s:1",
  "vCont?",
  "Hg1",
  "Hc-1",
  "T1",
  "bs",
  "qRcmd,68656c70",
  "qRcmd,7768657265",
  "qXfer:features:read:target.xml:0,ffb",
  "qXfer:memory-map:read::0,ffb",
  "qThreadExtraInfo,1",
  "qfThreadInfo",
  "?",
];
const ALPHABET = "0123456789abcdef,:;=-xXmMZzgGpPqQvVcCsSbBHTDk?#$}*+ \x00\x03\xff";

/** A packet with some characters replaced, inserted, removed or doubled. */
function mutate(packet: string, random: Random): string {
  let text = packet;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(text.length + 1);
    const character = ALPHABET[random.below(ALPHABET.length)];
    const kind = random.below(4);
    if (kind === 0) text = text.slice(0, at) + character + text.slice(at + 1);
    else if (kind === 1) text = text.slice(0, at) + character + text.slice(at);
    else if (kind === 2) text = text.slice(0, at) + text.slice(at + 1);
    else text = text.slice(0, at) + "f".repeat(random.below(40)) + text.slice(at);
  }
  return text;
}

Deno.test(`GdbSession survives 20,000 malformed packets (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  const cursor = await SimpleCursor.boot("empty");
  const debug = new Debugger({ cursor, symbols: new SymbolTable([]) });
  let replies = 0;
  let session = open();
  function open(): GdbSession {
    return new GdbSession(debug, COMMANDS, {
      send: (bytes) => {
        replies += bytes[0] === 0x24 ? 1 : 0;
        assert(bytes.length < 0x9000, `a reply of ${bytes.length} bytes`);
      },
      over: () => {
        session = open();
      },
    });
  }
  for (let i = 0; i < 20_000; i++) {
    const packet = mutate(PACKETS[random.below(PACKETS.length)], random);
    const isRaw = random.below(4) === 0;
    session.feed(isRaw ? bytesOf(packet) : encodePacket(packet));
    if (i % 64 === 0) await session.idle();
  }
  await session.idle();
  // It still answers as it should.
  const sent: string[] = [];
  const last = new GdbSession(debug, COMMANDS, {
    send: (bytes) => sent.push(textOf(bytes)),
    over: () => {},
  });
  last.feed(encodePacket("qC"));
  await last.idle();
  assertEquals(sent, ["+", "$QC1#c5"]);
  assert(replies > 10_000, `${replies} replies`);
});

Deno.test(`GdbSession survives 3,000 clients that end at any byte (seed ${SEED})`, async () => {
  const random = new Random(SEED + 1);
  const cursor = await SimpleCursor.boot("empty");
  const debug = new Debugger({ cursor, symbols: new SymbolTable([]) });
  for (let i = 0; i < 3_000; i++) {
    const replies: string[] = [];
    const session = new GdbSession(debug, COMMANDS, {
      send: (bytes) => replies.push(textOf(bytes)),
      over: () => {},
    });
    // The last of a few packets is cut, somewhere; they come in pieces, some with Ctrl-C between.
    const packets = Array.from({ length: 1 + random.below(5) }, () => {
      const packet = PACKETS[random.below(PACKETS.length)];
      return textOf(encodePacket(random.below(3) === 0 ? mutate(packet, random) : packet));
    });
    const text = packets.join(random.below(4) === 0 ? "\x03" : "");
    const end = random.below(text.length + 1);
    for (let at = 0; at < end;) {
      const piece = Math.min(1 + random.below(40), end - at);
      session.feed(bytesOf(text.slice(at, at + piece)));
      at += piece;
    }
    if (random.below(2) === 0) await session.idle();
    await session.close();
    const { length } = replies;
    session.feed(encodePacket("g"));
    await session.idle();
    assert(replies.length - length <= 1, "a session that is over answers nothing");
    assertEquals([debug.breakpoints.size, debug.watchpoints.size], [0, 0], text);
  }
  assertEquals(cursor.cycle <= cursor.end, true);
});
