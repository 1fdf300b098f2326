import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../../debugger/commands/list.ts";
import { Debugger } from "../../../debugger/debugger.ts";
import { GdbListener } from "../../../debugger/deno/gdb_listener.ts";
import { type Arrived, encodePacket, PacketReader } from "../../../debugger/gdb/packet.ts";
import { GdbSession } from "../../../debugger/gdb/session.ts";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import { imageUrl } from "../../../guests/images.ts";
import type { Arrival, Cursor } from "../../../replay/cursor.ts";
import { SimpleCursor } from "../simple_cursor.ts";

const symbols = elfSymbols(Deno.readFileSync(imageUrl("pocket")));

/** A session, and what it answers to one packet. */
function dialogue(cursor: Cursor) {
  const debug = new Debugger({ cursor, symbols });
  const reader = new PacketReader();
  const arrived: Arrived[] = [];
  const state = { isOver: false };
  const session = new GdbSession(debug, COMMANDS, {
    send: (bytes) => arrived.push(...reader.feed(bytes)),
    over: () => state.isOver = true,
  });
  const ask = async (packet: string) => {
    session.feed(encodePacket(packet));
    await session.idle();
    return arrived.splice(0).map((one) => one.kind === "packet" ? one.data : one.kind).join("|");
  };
  return { ask, session, state, debug };
}

const hex = (text: string) =>
  Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");

Deno.test("GdbSession negotiates and describes its target", async () => {
  const { ask } = dialogue(await SimpleCursor.boot("pocket"));
  const features = await ask("qSupported:multiprocess+;swbreak+;xmlRegisters=i386");
  for (const feature of ["ReverseStep+", "ReverseContinue+", "vContSupported+", "swbreak+"]) {
    assert(features.split(";").includes(feature), features);
  }
  let xml = "";
  for (let part = "m"; part[0] === "m"; xml += part.slice(1)) {
    part = await ask(`qXfer:features:read:target.xml:${xml.length.toString(16)},100`);
  }
  assertStringIncludes(xml, "<osabi>none</osabi>");
  assertMatch(xml, /<reg name="pc" bitsize="64" regnum="32" type="code_ptr"\/>/);
  assertMatch(xml, /<reg name="satp"[^]*<reg name="cycle"/);
  assertMatch(await ask("qXfer:memory-map:read::0,1000"), /^l<\?xml[^]*type="rom" start="0x1000"/);
  assertEquals(await ask("qXfer:features:read:nonsense.xml:0,100"), "E00");
  assertEquals(await ask("vMustReplyEmpty"), "");
  assertEquals(await ask("QStartNoAckMode"), "OK");
});

Deno.test("GdbSession reads and writes registers and memory", async () => {
  const cursor = await SimpleCursor.boot("pocket");
  await cursor.seek(100_000_000);
  const { ask } = dialogue(cursor);
  const g = await ask("g");
  assertEquals(g.length, 33 * 16);
  assertEquals(await ask("p20"), g.slice(32 * 16));
  assertEquals(await ask("pffff"), "E01");
  assertEquals(await ask(`G${g}`), "OK");
  assertEquals(cursor.branch, undefined, "writing what is there is no branch");
  assertEquals(await ask("m70000000,4"), "E0e");
  const end = 0x8000_0000 + (4 << 20);
  assertEquals((await ask(`m${(end - 8).toString(16)},10`)).length, 16, "as much as there is");
  assertEquals(await ask("X80001000,3:a}\x03$"), "E01", "a byte too few");
  assertEquals(await ask("X80200000,4:\x01#$}"), "OK");
  assertEquals(await ask("m80200000,4"), "0123247d");
  assertEquals(await ask("M80200000,2:beef"), "OK");
  assertEquals(await ask("m80200000,4"), "beef247d");
  assertEquals(cursor.branch, { from: 100_000_000 });
  assertEquals(await ask("Pa=1122334455667788"), "OK");
  assertEquals(await ask("pa"), "1122334455667788");
});

Deno.test("GdbSession stops where its packets say", async () => {
  const cursor = await SimpleCursor.boot("pocket");
  await cursor.seek(cursor.end);
  const { ask, debug } = dialogue(cursor);
  const alarm = debug.address("note_alarm").toString(16);
  assertEquals(await ask("?"), "T05thread:1;");
  assertEquals(await ask(`Z0,${alarm},2`), "OK");
  assertEquals(await ask("bc"), "T05thread:1;swbreak:;");
  assertEquals(await ask(`z0,${alarm},2`), "OK");
  assertEquals(await ask(`Z1,${alarm},2`), "OK");
  assertEquals(await ask("bc"), "T05thread:1;hwbreak:;");
  assertEquals(await ask(`z1,${alarm},2`), "OK");
  assertEquals(await ask("bs"), "T05thread:1;");
  assertEquals(await ask("vCont;s:1"), "T05thread:1;");
  const oldest = BigInt(
    `0x${
      (await ask(`m${debug.address("ledger").toString(16)},8`)).match(/../g)!.reverse().join("")
    }`,
  ).toString(16);
  for (const [type, name] of [["2", "watch"], ["3", "rwatch"], ["4", "awatch"]]) {
    await cursor.seek(cursor.end);
    assertEquals(await ask(`Z${type},${oldest},8`), "OK");
    assertEquals(await ask("bc"), `T05thread:1;${name}:${oldest};`);
    assertEquals(await ask(`z${type},${oldest},8`), "OK");
  }
  // A range across a page's border, whose second page is hit.
  await cursor.seek(cursor.end);
  const border = ((BigInt(`0x${oldest}`) & ~4095n) - 4n).toString(16);
  const size = (4n + (BigInt(`0x${oldest}`) & 4095n) + 8n).toString(16);
  assertEquals(await ask(`Z2,${border},${size}`), "OK");
  assertEquals(await ask("bc"), `T05thread:1;watch:${border};`);
  assertEquals(await ask(`z2,${border},${size}`), "OK");
  // What is set where nothing is, or is not set at all.
  assertEquals(await ask("Z0,dead0000,2"), "OK");
  assertEquals(await ask("z0,dead0000,2"), "OK");
  assertEquals(await ask("z0,dead0000,2"), "OK");
  assertEquals(await ask("Z5,0,1"), "");
  assertEquals(await ask("Z2,80000000,0"), "E0e");
  assertEquals(await ask("Z2,70000000,8"), "E0e");
  assertEquals(await ask("bc"), "T05thread:1;replaylog:begin;");
  assertEquals(await ask("c"), "T05thread:1;replaylog:end;");
  assertEquals(await ask("vCont;x"), "E01");
  for (const actions of ["s:1;c", "C05:1;c", "s:-1", "S05:1", "c:1;s:1"]) {
    await cursor.seek(100_000_000);
    await ask(`Z0,${alarm},2`);
    const reply = /^s/i.test(actions) ? "T05thread:1;" : "T05thread:1;swbreak:;";
    assertEquals(await ask(`vCont;${actions}`), reply, actions);
    await ask(`z0,${alarm},2`);
  }
  assertEquals(await ask("vCont;t:1"), "T05thread:1;");
  assertEquals(await ask("vCont;s:9"), "E01");
  await cursor.seek(cursor.end);
  const output = await ask(`qRcmd,${hex("digest")}`);
  assertEquals(output, `O${hex(`${cursor.end} ${cursor.digest()}\n`)}|OK`);
});

Deno.test("GdbSession: bs steps the hart of Hc, else of Hg, else of the last stop", async () => {
  const cursor = await SimpleCursor.boot("smp", 4, 5_000_000);
  await cursor.seek(1_000_000);
  const { ask } = dialogue(cursor);
  assertEquals(await ask("qfThreadInfo"), "m1,2,3,4");
  assertEquals(await ask("qThreadExtraInfo,3"), hex("hart 2"));
  assertEquals(await ask("Hg2"), "OK");
  assertEquals(await ask("bs"), "T05thread:2;");
  assertEquals(await ask("Hc4"), "OK");
  assertEquals(await ask("bs"), "T05thread:4;");
  assertEquals(await ask("Hc-1"), "OK");
  assertEquals(await ask("bs"), "T05thread:4;", "the last stop's");
  assertEquals(await ask("Hg5"), "E01");
  assertEquals(await ask("T4"), "OK");
  assertEquals(await ask("T5"), "E01");
  assertEquals(await ask("vCont;s:3;c"), "T05thread:3;");
  assertEquals(await ask("vCont;c:3;s:4;s:3"), "T05thread:4;", "the leftmost that is for it");
  assertEquals(await ask("vCont;s:0;c"), "T05thread:4;");
});

Deno.test("GdbSession: Ctrl-C ends a movement at any time", async () => {
  const cursor = await SimpleCursor.boot("empty");
  // It goes on until it is told to stop.
  const endless: Cursor = Object.create(cursor, {
    cycle: { get: () => cursor.cycle },
    harts: { value: 1 },
    continue: {
      value: (_: unknown, signal: AbortSignal) =>
        new Promise<Arrival>((resolve) =>
          signal.addEventListener("abort", () => resolve({ reason: "interrupted" }))
        ),
    },
    readRegister: { value: (hart: number, name: string) => cursor.readRegister(hart, name) },
  });
  const { ask, session } = dialogue(endless);
  const answer = ask("vCont;c");
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 5));
  session.feed(Uint8Array.of(3));
  assertEquals(await answer, "T02thread:1;");
  session.feed(Uint8Array.of(3));
  assertEquals(await ask("?"), "T05thread:1;", "nothing moves: nothing happens");
});

Deno.test("GdbListener outlives clients that vanish, and takes the next one", async () => {
  const debug = new Debugger({ cursor: await SimpleCursor.boot("empty"), symbols });
  const options = { hostname: "127.0.0.1", port: 0, commands: COMMANDS, debug };
  const listener = new GdbListener(options);
  const [hostname, port] = listener.address.split(":");
  for (const packet of ["$g#67", "$D#44", "$k#6b", "garbage$$$", "$bc#c5", "$qC#b4"]) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(packet));
    if (packet === "$qC#b4" || packet === "$D#44") {
      const buffer = new Uint8Array(64);
      let text = "";
      while (!text.includes("#")) {
        text += new TextDecoder().decode(buffer.subarray(0, (await connection.read(buffer)) ?? 0));
      }
      assertEquals(text.slice(0, 4), packet === "$D#44" ? "+$OK" : "+$QC");
    }
    connection.close();
  }
  // One that is gone after any byte of what it had to say, in the middle of a movement perhaps.
  const said = new TextEncoder().encode("+$qSupported:swbreak+#00$?#3f$Z0,80000000,2#f4$bc#c5$m80");
  for (let length = 0; length <= said.length; length++) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(said.subarray(0, length));
    connection.close();
  }
  const last = await Deno.connect({ hostname, port: Number(port) });
  await last.write(new TextEncoder().encode("$qC#b4"));
  const reply = new Uint8Array(16);
  const count = await last.read(reply);
  assertEquals(new TextDecoder().decode(reply.subarray(0, count!)).slice(0, 4), "+$QC");
  last.close();
  await listener.close();
  assertEquals(debug.breakpoints.size, 0);
});
