/** The guests of a lab share a time: in commands, under gdb and over HTTP. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { runLine } from "../../debugger/command.ts";
import { COMMANDS } from "../../debugger/commands/list.ts";
import { CommandError, Debugger } from "../../debugger/debugger.ts";
import { encodePacket, PacketReader } from "../../debugger/gdb/packet.ts";
import { GdbSession } from "../../debugger/gdb/session.ts";
import { httpFace } from "../../debugger/http/app.ts";
import { LabGuest } from "../../debugger/lab.ts";
import { SymbolTable } from "../../debugger/symbols/symbols.ts";
import { SimpleCursor } from "./simple_cursor.ts";

const AT = 2_000_000;
const symbols = new SymbolTable([]);

/** g2 hears what g1 has sent. */
const FRAME = "g1/net0>4";
const sentAt = (id: string) => Promise.resolve(id === FRAME ? 1_000_000 : undefined);
const change = () => Promise.reject(new RangeError("There is no link g9.net0"));
const frame = { kind: "frame", device: "net0", sent: FRAME };
const events = [{ cycle: 1_200_000, id: "g2/net0#0", kind: "input", input: frame }];

/** Three guests; g3 ended long before the others. */
function labGuests(): LabGuest[] {
  const guests: LabGuest[] = [["g1", 9_000_000], ["g2", 9_000_000], ["g3", 500_000]].map((
    [name, end],
  ) =>
    new LabGuest(`${name}`, Number(end), "power poweroff 0", AT, async (at) => {
      const cursor = await SimpleCursor.boot("pocket");
      await cursor.seek(at);
      return new Debugger({
        cursor,
        symbols,
        lab: { name: `${name}`, guests, sentAt, change },
        events,
      });
    })
  );
  return guests;
}

function session(debug: Debugger) {
  const reader = new PacketReader();
  const sent: string[] = [];
  const session = new GdbSession(debug, COMMANDS, {
    send: (bytes) => {
      for (const one of reader.feed(bytes)) if (one.kind === "packet") sent.push(one.data);
    },
    over: () => {},
  });
  return async (packet: string) => {
    session.feed(encodePacket(packet));
    await session.idle();
    return sent.splice(0);
  };
}

const hex = (text: string) => new TextEncoder().encode(text).toHex();

Deno.test("lab shows all guests, and sync brings their clients to one cycle", async () => {
  const [g1, g2, g3] = labGuests();
  const [here, there] = [await g1.open(), await g2.open()];
  assertEquals([g1.cycle, g2.cycle, g3.cycle], [AT, AT, 500_000]);
  await runLine(COMMANDS, here, "goto 1000000");
  const { text } = await runLine(COMMANDS, here, "sync");
  assertEquals(text.split("\n"), [
    "* g1 at cycle 1000000; it ends at 9000000: power poweroff 0",
    "  g2 at cycle 2000000; it ends at 9000000: power poweroff 0; goes to 1000000 when its client resumes",
    "  g3 at cycle 500000, its end: power poweroff 0",
  ]);
  await there.comply();
  assertEquals([g1.cycle, g2.cycle, g3.cycle, g2.wanted], [
    1_000_000,
    1_000_000,
    500_000,
    undefined,
  ]);
  await runLine(COMMANDS, here, "goto 300000");
  await runLine(COMMANDS, here, "sync");
  // Nobody had looked at g3: it begins where the lab is.
  assertEquals([g3.cycle, (await g3.open()).cursor.cycle], [300_000, 300_000]);

  const alone = new Debugger({ cursor: await SimpleCursor.boot("pocket"), symbols });
  await assertRejects(() => runLine(COMMANDS, alone, "sync"), CommandError, "There is no lab");
});

Deno.test("packet brings each guest to where it sends or gets the frame", async () => {
  const [g1, g2] = labGuests();
  const [sender, receiver] = [await g1.open(), await g2.open()];
  await runLine(COMMANDS, receiver, `packet ${FRAME}`);
  assertEquals([receiver.cursor.cycle, g1.wanted], [1_200_000, 1_000_000]);
  await runLine(COMMANDS, sender, `packet ${FRAME}`);
  assertEquals(sender.cursor.cycle, 1_000_000);
  const none = () => runLine(COMMANDS, receiver, "packet g1/net0>5");
  await assertRejects(none, CommandError, "g1/net0>5 was never sent");
  await assertRejects(
    () => runLine(COMMANDS, receiver, "packet 5"),
    CommandError,
    "GUEST/DEVICE>N",
  );
});

Deno.test("gdb is told at its next resume that the lab is elsewhere, and at once if it comes later", async () => {
  const [g1, g2] = labGuests();
  const [first, second] = [await g1.open(), await g2.open()];
  const [one, two] = [session(first), session(second)];
  const cycle = async (ask: typeof one) => {
    const description = (await ask("qXfer:features:read:target.xml:0,4000")).join("");
    const [, number] = /name="cycle"[^>]*regnum="(\d+)"/.exec(description)!;
    const [value] = await ask(`p${Number(number).toString(16)}`);
    return new DataView(Uint8Array.fromHex(value).buffer).getBigUint64(0, true);
  };
  await two("?");
  assertMatch((await one(`qRcmd,${hex("sync")}`)).join(), /OK$/);
  assertEquals(g2.wanted, undefined, "it is there already");
  await one(`qRcmd,${hex("goto 1500000")}`);
  await one("vCont;s:1");
  await one(`qRcmd,${hex("sync")}`);
  assertEquals([g2.wanted, await cycle(two)], [1_500_000, BigInt(AT)], "gdb may have it cached");
  const stopped = await two("vCont;s:1");
  assertMatch(
    stopped.join(),
    new RegExp(`^O${hex("the lab is brought to cycle 1500000\n")},T00thread:`),
  );
  assertEquals([await cycle(two), g2.wanted], [1_500_000n, undefined]);

  await one(`qRcmd,${hex("goto 1200000")}`);
  await one("vCont;s:1");
  await one(`qRcmd,${hex("sync")}`);
  await two("D");
  const later = session(second); // the next client of the same debugger
  await later("qSupported:swbreak+");
  assertEquals(await cycle(later), 1_200_000n);
});

Deno.test("HTTP: a request names the guest that it means", async () => {
  const guests = labGuests();
  const open = new Map(guests.map((guest) => [guest.name, () => guest.open()]));
  const face = httpFace({ commands: COMMANDS, open, token: "t" });
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await face.fetch(
      new Request(`http://127.0.0.1${path}`, {
        method,
        headers: { authorization: "Bearer t" },
        body: body === undefined ? undefined : JSON.stringify(body),
      }),
    );
    // deno-lint-ignore no-explicit-any
    return { status: response.status, json: await response.json() as any };
  };
  await ask("POST", "/goto?guest=g2", { cycle: 1_000_000 });
  assertEquals((await ask("GET", "/where?guest=g2")).json.cycle, 1_000_000);
  assertEquals((await ask("GET", "/where")).json.cycle, AT, "the first is meant");
  await ask("POST", "/sync?guest=g2", {});
  assertEquals((await ask("GET", "/where?guest=g1")).json.cycle, 1_000_000);
  const { json } = await ask("GET", "/lab?guest=g3");
  assertEquals(json.selected, "g3");
  assertEquals(json.guests.map(({ cycle }: { cycle: number }) => cycle), [1e6, 1e6, 5e5]);
  const wrong = await ask("GET", "/where?guest=g4");
  assertEquals([wrong.status, wrong.json.detail], [400, "guest: there is no g4, but g1, g2, g3"]);
  const openapi = (await ask("GET", "/openapi.json")).json;
  for (const route of [openapi.paths["/where"].get, openapi.paths["/goto"].post]) {
    const named = route.parameters.find(({ name }: { name: string }) => name === "guest");
    assertEquals(named.schema.enum, ["g1", "g2", "g3"]);
  }
  assert(!JSON.stringify(openapi.paths["/goto"].post.requestBody).includes("guest"));
  await face.close();
});
