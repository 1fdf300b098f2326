/** What waits between a network end and a machine: in order, at a wire's pace, and bounded. */
import { assert, assertEquals } from "@std/assert";
import {
  MAILBOX_BYTES_MAX,
  MAILBOX_INPUTS_MAX,
  NetworkMailbox,
} from "../../../devices/host/network_mailbox.ts";
import { MemoryEnd, SENT_FRAMES_MAX } from "../../../devices/host/memory_end.ts";
import { noEnd } from "../../../devices/host/network_end.ts";

function bench() {
  let arrivals = 0;
  const mailbox = new NetworkMailbox("net0", () => arrivals++);
  return { mailbox, arrivals: () => arrivals };
}

/** Takes all that there is, however long the wire needs. */
function drained(mailbox: NetworkMailbox) {
  const inputs = [];
  for (let input = mailbox.take(mailbox.next); input; input = mailbox.take(mailbox.next)) {
    inputs.push(input.kind === "host" ? `${input.event}: ${input.text}` : input.kind);
  }
  return inputs;
}

Deno.test("NetworkMailbox hands out frames no faster than a wire of 1 Gbit/s", () => {
  const { mailbox, arrivals } = bench();
  const frame = new Uint8Array(1514).fill(1);
  mailbox.post(frame);
  mailbox.post(frame);
  assertEquals([arrivals(), mailbox.next], [2, 0]);
  assertEquals(mailbox.take(1000), { device: "net0", kind: "frame", bytes: frame });
  const free = 1000 + (1514 + 24) * 8;
  assertEquals([mailbox.next, mailbox.take(free - 1)], [free, undefined]);
  assertEquals(mailbox.take(free)?.kind, "frame");
  assertEquals(mailbox.next, Infinity);
});

Deno.test("NetworkMailbox keeps the order of frames and link changes, and its own copy", () => {
  const { mailbox } = bench();
  const frame = new Uint8Array(60).fill(1);
  mailbox.post(frame);
  frame.fill(2);
  mailbox.setLink(true); // as it is
  mailbox.setLink(false);
  mailbox.setLink(true);
  mailbox.post(frame);
  assertEquals(mailbox.take(0), {
    device: "net0",
    kind: "frame",
    bytes: new Uint8Array(60).fill(1),
  });
  assertEquals(mailbox.take(0), { device: "net0", kind: "link", up: false });
  assertEquals(mailbox.take(0), { device: "net0", kind: "link", up: true });
  assertEquals(mailbox.take(0), undefined);
  assertEquals(drained(mailbox), ["frame"]);
});

Deno.test("NetworkMailbox bounds a burst of 100,000 frames and tells of it once, when it is over", () => {
  const { mailbox } = bench();
  const frame = new Uint8Array(60);
  let taken = 0;
  for (let i = 0; i < 100_000; i++) {
    mailbox.post(frame);
    if (i % 100 === 99) taken += mailbox.take(mailbox.next)?.kind === "frame" ? 1 : 0;
  }
  const rest = drained(mailbox);
  assertEquals(rest.length, MAILBOX_INPUTS_MAX - 1); // the last of the burst has made room
  assert(rest.every((kind) => kind === "frame"));
  assertEquals(drained(mailbox), [
    `frames-lost: ${100_000 - taken - rest.length} frames for the guest, which is slower`,
  ]);
  assertEquals(drained(mailbox), []);
});

Deno.test("NetworkMailbox holds only so many bytes, and no frame of no frame's size", async () => {
  const { mailbox } = bench();
  const large = new Uint8Array(65_535);
  for (let i = 0; i < 1000; i++) mailbox.post(large);
  const count = drained(mailbox).length;
  assertEquals(count, Math.ceil(MAILBOX_BYTES_MAX / 65_535));
  drained(mailbox);
  for (let size = 14; size <= 65_535; size++) {
    mailbox.post(large.subarray(0, size));
    assertEquals(mailbox.take(mailbox.next)?.kind, "frame", `${size} bytes`);
  }
  for (let size = 0; size < 14; size++) mailbox.post(large.subarray(0, size));
  mailbox.post(new Uint8Array(65_536));
  assertEquals(drained(mailbox), []);
  assertEquals(drained(mailbox), ["frames-lost: 15 frames of no frame's size"]);
  const full = bench().mailbox;
  for (let i = 0; i < MAILBOX_INPUTS_MAX; i++) full.post(new Uint8Array(60));
  let hasRoom = false;
  const waiting = full.room().then(() => hasRoom = true);
  await Promise.resolve();
  assertEquals(hasRoom, false);
  full.take(0);
  await waiting;
});

Deno.test("NetworkMailbox tells why it closes, takes the link down, and takes nothing more", () => {
  const { mailbox } = bench();
  mailbox.close("gone");
  mailbox.close("again");
  mailbox.post(new Uint8Array(60));
  mailbox.setLink(true);
  assert(!mailbox.isOpen);
  assertEquals(drained(mailbox), ["end-closed: gone", "link"]);
  assertEquals(mailbox.next, Infinity);
});

Deno.test("MemoryEnd keeps what the guest sends, bounded, and noEnd is a link that is down", () => {
  const { mailbox } = bench();
  const end = new MemoryEnd(mailbox);
  for (let i = 0; i < SENT_FRAMES_MAX + 3; i++) end.send(new Uint8Array(60));
  assertEquals([end.taken().length, end.taken().length], [SENT_FRAMES_MAX, 0]);
  assertEquals(drained(mailbox), []); // not while it may go on
  assertEquals(drained(mailbox), ["frames-lost: 3 frames from the guest, which nobody took"]);
  end.close();
  assert(!mailbox.isOpen);
  const none = bench().mailbox;
  noEnd(none);
  assertEquals(drained(none), ["end-closed: no cable is plugged in", "link"]);
});
