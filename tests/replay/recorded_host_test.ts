/** A machine that goes on otherwise than its recording has the recording's answers, as far as it holds them. */
import { assertEquals } from "@std/assert";
import type { DiskRequest, Input } from "../../core/host.ts";
import type { LogEntry } from "../../replay/log.ts";
import { RecordedBlocks, RecordedHost } from "../../replay/recorded_host.ts";

const FROM = 100;
const entropy = Uint8Array.of(1, 2, 3, 4);

function entry(cycle: number, n: number, input: Input): LogEntry {
  return { cycle, id: `m/${input.device}#${n}`, version: 1, kind: "input", input };
}

const entries: LogEntry[] = [
  { cycle: 50, id: "m/clock#0", version: 1, kind: "wall-clock", ns: 1050n },
  entry(60, 0, { device: "machine", kind: "reseed", seed: 1 }),
  entry(150, 1, { device: "machine", kind: "reseed", seed: 2 }),
  entry(160, 0, { device: "rng", kind: "entropy", request: 3, bytes: entropy }),
  entry(170, 0, { device: "disk0", kind: "disk", request: 9, error: undefined }),
];

function read(request: number, offset: number, sizeBytes: number, due: number): DiskRequest {
  return { kind: "disk", operation: "read", request, offset, sizeBytes, due };
}

Deno.test("RecordedHost gives what came by itself at its cycle, and answers when they are due", () => {
  const blocks = new RecordedBlocks();
  blocks.add("disk0", 8192, new Uint8Array(8192).fill(7));
  const host = new RecordedHost({ entries, from: FROM, blocks });
  assertEquals(host.idle(FROM, 1000), 150);
  host.output(110, "rng", { kind: "entropy", request: 3, sizeBytes: 4, due: 140 });
  host.output(112, "disk0", read(10, 12288, 4096, 130));
  assertEquals(host.take(120), undefined);
  assertEquals(host.horizon(120), 130);
  const bytes = new Uint8Array(4096).fill(7);
  const disk = { device: "disk0", kind: "disk", request: 10, error: undefined } as const;
  assertEquals(host.take(130), { ...disk, bytes });
  assertEquals(host.take(140), { device: "rng", kind: "entropy", request: 3, bytes: entropy });
  assertEquals(host.take(150), { device: "machine", kind: "reseed", seed: 2 });
  assertEquals([host.take(1000), host.idle(1000, Infinity)], [undefined, Infinity]);
  assertEquals([host.wallTimeNs(2000), host.unknown], [3000n, undefined]);
});

Deno.test("RecordedHost fails a read of what the recording does not hold, and says so", () => {
  const blocks = new RecordedBlocks();
  blocks.add("disk0", 0, new Uint8Array(4096));
  const host = new RecordedHost({ entries, from: FROM, blocks });
  host.output(110, "disk0", read(10, 0, 8192, 130));
  assertEquals(host.take(130), { device: "disk0", kind: "disk", request: 10, error: "EIO" });
  assertEquals(host.unknown?.request, 10);
  // What the machine knows already needs no data, and what it writes none either.
  host.output(140, "disk0", read(11, 8192, 0, 145));
  assertEquals(host.take(145), {
    device: "disk0",
    kind: "disk",
    request: 11,
    error: undefined,
  });
});
