/** Machines of a lab on one thread and on two. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DIGEST_CYCLES } from "../../../core/machine.ts";
import type { State } from "../../../core/state.ts";
import { Channel } from "../../../devices/deno/lab_channel.ts";
import { type GuestSpec, type LabMachine, machineCrew } from "../../../devices/deno/lab_machine.ts";
import type { FabricEvent } from "../../../devices/network/events.ts";
import { Fabric } from "../../../devices/network/fabric.ts";
import { type Crew, Lab } from "../../../devices/network/lab.ts";
import type { Turn, TurnEnd } from "../../../devices/network/lab_guest.ts";
import type { SentFrame } from "../../../devices/network/lab_host.ts";
import { imageUrl } from "../../../guests/images.ts";
import { star } from "../network/networks.ts";

const CYCLES = 10_100_000;
const PROBER = 2;

/** pocket, whose address is 10.0.2.N and whose MAC ends with N. */
function pocket(n: number, jitThreshold: number): GuestSpec {
  return {
    name: `g${n}`,
    config: {
      memoryBytes: 16 << 20,
      harts: 1,
      seed: n,
      diskTiming: "model",
      disks: [],
      nics: [{ mac: `02:00:00:00:00:0${n}` }],
    },
    files: { bios: { name: "pocket", bytes: Deno.readFileSync(imageUrl("pocket")) } },
    disks: [],
    engine: { jitThreshold },
  };
}

/** An echo request from 10.0.2.9 to 10.0.2.N; pocket looks at no IP checksum. */
function ping(n: number): Uint8Array {
  const bytes = new Uint8Array(14 + 20 + 8 + 16);
  bytes.set([2, 0, 0, 0, 0, n, 2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 44]);
  bytes.set([64, 1, 0, 0, 10, 0, 2, 9, 10, 0, 2, n, 8, 0, 0xf7, 0xff], 22);
  return bytes;
}

/** Pings both machines, every millisecond from 5 ms on. */
function prober(edge: number, from: number, { guest, inputs }: Turn, replies: string[]): TurnEnd {
  const sent: SentFrame[] = [];
  let next = Math.max(5_000_000, Math.ceil(from / 1_000_000) * 1_000_000);
  for (; next < edge; next += 1_000_000) {
    for (const n of [1, 2]) sent.push({ cycle: next, device: "net0", bytes: ping(n) });
  }
  for (const { cycle, input } of inputs) {
    if (input.kind === "frame" && input.bytes[34] === 0) {
      replies.push(`${cycle} ${input.sent}`);
    }
  }
  return { guest, cycle: edge, next, sent, printed: [], digests: [] };
}

async function play(workers: number, jitThreshold: number) {
  const crew = await machineCrew([1, 2].map((n) => pocket(n, jitThreshold)), workers);
  const replies: string[] = [];
  const digests: string[] = [];
  const events: FabricEvent[] = [];
  const printed: string[] = [];
  let probed = 0;
  const all: Crew = {
    async run(edge, turns) {
      const ends = await crew.run(edge, turns.filter(({ guest }) => guest !== PROBER));
      const turn = turns.find(({ guest }) => guest === PROBER);
      if (turn) ends.push(prober(edge, probed, turn, replies));
      if (turn) probed = edge;
      return ends;
    },
  };
  const config = star(3);
  const lab = new Lab({
    fabric: new Fabric(config, (event) => events.push(event)),
    members: config.nics.map((id, nic) => ({
      name: id.slice(0, 2),
      nics: [{ device: "net0", nic }],
    })),
    crew: all,
    meetEvery: DIGEST_CYCLES,
    onTurn: (end) => {
      for (const { cycle, digest } of end.digests) digests.push(`${cycle} ${end.guest} ${digest}`);
      for (const { bytes } of end.printed) {
        printed.push(`${end.guest} ${new TextDecoder().decode(bytes)}`);
      }
    },
  });
  try {
    assertEquals(await lab.run(CYCLES), "until");
    return { replies, digests, events, printed };
  } finally {
    crew.close();
  }
}

Deno.test("a lab of machines is the same on one thread and on two, compiled or not", async () => {
  const one = await play(1, 0);
  assertEquals(one.digests.length, 2);
  assert(one.replies.length >= 8, `${one.replies.length} replies`);
  assert(one.printed.join("").includes("network card in slot 0, 10.0.2.2"), one.printed.join(""));
  assertEquals(await play(2, 16), one);
});

Deno.test("a flap of the link is seen by the card, and ends", async () => {
  const crew = await machineCrew([pocket(1, 0)], 1);
  try {
    const config = star(1, { flaps: [{ from: 1_000_000, to: 2_000_000 }] });
    const lab = new Lab({
      fabric: new Fabric(config),
      members: [{ name: "g1", nics: [{ device: "net0", nic: 0 }] }],
      crew,
      meetEvery: DIGEST_CYCLES,
    });
    const isUp = () => {
      const { chip } = (crew.runners.get(0) as LabMachine).machine.devices.get("net0")!.save();
      return (chip as State).isUp;
    };
    const seen = [];
    for (const cycle of [1_000_000, 1_000_001, 1_999_999, 2_000_001]) {
      await lab.run(cycle);
      seen.push(isUp());
    }
    assertEquals(seen, [true, false, false, true]);
  } finally {
    crew.close();
  }
});

Deno.test("LabCrew says what a thread failed of", async () => {
  const broken = { ...pocket(2, 0), disks: [{ path: "/nowhere", access: "ro" as const }] };
  await assertRejects(() => machineCrew([pocket(1, 0), broken], 2), Error, "/nowhere");
});

Deno.test("Channel takes messages longer than its memory, and notices that nobody is there", () => {
  const channel = new Channel();
  channel.send({ bytes: [new Uint8Array(5), Uint8Array.of(1, 2)], at: Infinity }, () => true);
  const message = channel.receive(() => true);
  assertEquals(message, { bytes: [new Uint8Array(5), Uint8Array.of(1, 2)], at: Infinity });
  const long = { bytes: new Uint8Array(3 << 20) };
  assertThrows(() => channel.send(long, () => true), Error, "gone");
});
