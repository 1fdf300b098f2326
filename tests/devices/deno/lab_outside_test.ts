/** Live ends of a lab: who waits for them does so in wall time, and what comes enters at a round's edge. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { LabOutside } from "../../../devices/deno/lab_outside.ts";
import { NetworkError } from "../../../devices/deno/network_error.ts";
import type { NetworkMailbox } from "../../../devices/host/network_mailbox.ts";

const MS = 1_000_000;
const FRAME_BYTES = 976; // with preamble, FCS and gap 8,000 cycles of a wire of 1 Gbit/s

/** Guests 0 and 1 with a card each. */
async function withOutside(
  run: (outside: LabOutside, mailboxes: NetworkMailbox[], sent: string[]) => Promise<void>,
): Promise<void> {
  const mailboxes: NetworkMailbox[] = [];
  const sent: string[] = [];
  const outside = await LabOutside.open([0, 1].map((guest) => ({
    guest,
    device: "net0",
    open: (mailbox) => {
      mailboxes.push(mailbox);
      return {
        send: (frame) => sent.push(`${guest} ${frame.length}`),
        close: () => mailbox.close("gone"),
      };
    },
  })));
  try {
    await run(outside, mailboxes, sent);
  } finally {
    outside.close();
  }
}

Deno.test("a lab with live ends waits in wall time, until something comes", async () => {
  await withOutside(async (outside, [mailbox], sent) => {
    assertEquals(await outside.wait(5 * MS, 5 * MS), 5 * MS);
    const startMs = performance.now();
    assertEquals(await outside.wait(5 * MS, 25 * MS), 25 * MS);
    assert(performance.now() - startMs >= 20, "it came too soon");

    setTimeout(() => {
      mailbox.post(new Uint8Array(FRAME_BYTES));
      mailbox.post(new Uint8Array(FRAME_BYTES));
    }, 5);
    const cycle = await outside.wait(25 * MS, Infinity);
    assert(cycle >= 29 * MS, `${cycle}`);
    // Not before the round, and on the wire one after the other, beyond it if it ends before.
    assertEquals(outside.take(1, cycle, cycle + 100_000), []);
    const cycles = (before: number) => outside.take(0, cycle, before).map(({ cycle }) => cycle);
    assertEquals(cycles(cycle + 8000), [cycle]);
    assertEquals(await outside.wait(cycle, cycle), cycle);
    assertEquals(await outside.wait(cycle, cycle + 100 * MS) >= cycle + 8000, true);
    assertEquals(cycles(cycle + 8001), [cycle + 8000]);

    outside.send(0, "net0", new Uint8Array(60));
    outside.send(1, "net0", new Uint8Array(61));
    outside.send(1, "net1", new Uint8Array(62)); // no such cable: nobody hears it
    assertEquals(sent, ["0 60", "1 61"]);
  });
});

Deno.test("a guest that has ended is waited for no more, nor are ends that have gone", async () => {
  await withOutside(async (outside, [first, second]) => {
    first.post(new Uint8Array(60));
    outside.end(0);
    assertEquals([first.isOpen, outside.isOpen], [false, true]);
    const startMs = performance.now();
    setTimeout(() => second.close("it left"), 5);
    assertEquals(await outside.wait(0, Infinity) < Infinity, true);
    const told = outside.take(1, 0, MS).map(({ input }) => input.kind);
    assertEquals([told, outside.isOpen], [["host", "link"], false]);
    assertEquals(await outside.wait(MS, 10_000 * MS), 10_000 * MS);
    assertEquals(await outside.wait(MS, Infinity), Infinity);
    assert(performance.now() - startMs < 9000, "it waited for nobody");
  });
});

Deno.test("an end that cannot be opened closes the others", async () => {
  let isClosed = false;
  const good = {
    guest: 0,
    device: "net0",
    open: () => ({ send() {}, close: () => isClosed = true }),
  };
  const bad = {
    guest: 1,
    device: "net0",
    open: () => Promise.reject(new NetworkError("nobody is there")),
  };
  await assertRejects(() => LabOutside.open([good, bad]), NetworkError, "nobody");
  assert(isClosed);
});
