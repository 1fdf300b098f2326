/** The host in memory: the order and the cycles of its inputs. */
import { assertEquals } from "@std/assert";
import type { DiskRequest, Input } from "../../../core/host.ts";
import { Random } from "../../../core/random.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { ascii } from "../driver.ts";

function read(request: number, due?: number): DiskRequest {
  return { kind: "disk", request, operation: "read", offset: 4096, sizeBytes: 4096, due };
}

function takeAll(host: MemoryHost, cycle: number): Input[] {
  const inputs: Input[] = [];
  for (let input = host.take(cycle); input !== undefined; input = host.take(cycle)) {
    inputs.push(input);
  }
  return inputs;
}

const numbers = (inputs: Input[]) => inputs.map((input) => "request" in input ? input.request : -1);

Deno.test("MemoryHost answers at the due cycle, in order of due cycle, then of submission", () => {
  const host = new MemoryHost({ disks: { vda: new Uint8Array(8192) } });
  host.output(100, "vda", read(0, 30_000));
  host.output(100, "vda", read(1, 25_000));
  host.output(200, "vda", read(2, 25_000));
  assertEquals(host.horizon(200), 20_200);
  assertEquals(host.horizon(20_000), 25_000);
  assertEquals(takeAll(host, 24_999), []);
  assertEquals(numbers(takeAll(host, 25_000)), [1, 2]);
  assertEquals(host.idle(25_000, Infinity), 30_000);
  assertEquals(host.idle(25_000, 26_000), 26_000);
  assertEquals(numbers(takeAll(host, 30_000)), [0]);
  assertEquals(host.idle(30_000, Infinity), Infinity);
});

Deno.test("MemoryHost answers at the next take in live timing", () => {
  const image = new Random(1).bytes(8192);
  const host = new MemoryHost({ disks: { vda: image } });
  host.output(500, "vda", read(0));
  assertEquals(host.idle(500, 900), 500);
  assertEquals(host.take(500), {
    device: "vda",
    kind: "disk",
    request: 0,
    error: undefined,
    bytes: image.slice(4096),
  });
});

Deno.test("MemoryHost plays its script and never runs past it", () => {
  const host = new MemoryHost({
    script: [
      { cycle: 9000, device: "uart0", bytes: ascii("b") },
      { cycle: 5000, device: "uart0", bytes: ascii("a") },
    ],
  });
  assertEquals([host.horizon(0), host.idle(0, Infinity)], [5000, 5000]);
  assertEquals(takeAll(host, 5000), [{ device: "uart0", kind: "console", bytes: ascii("a") }]);
  assertEquals(host.horizon(8999), 9000);
  assertEquals(takeAll(host, 20_000).length, 1);
});

Deno.test("MemoryHost collects consoles and power, and draws entropy from its seed", () => {
  const bytesOf = (seed: number) => {
    const host = new MemoryHost({ seed });
    host.output(0, "rng0", { kind: "entropy", request: 0, sizeBytes: 16, due: undefined });
    const input = host.take(0);
    return input?.kind === "entropy" ? [...input.bytes] : [];
  };
  assertEquals(bytesOf(1), bytesOf(1));
  assertEquals(bytesOf(1).join() === bytesOf(2).join(), false);
  const host = new MemoryHost();
  host.output(1, "uart0", { kind: "console", bytes: ascii("hel") });
  host.output(2, "console0", { kind: "console", bytes: ascii("other") });
  host.output(3, "uart0", { kind: "console", bytes: ascii("lo") });
  host.output(4, "finisher", { kind: "power", action: "fail", code: 7 });
  assertEquals(host.consoleOutput("uart0"), ascii("hello"));
  assertEquals(host.consoleOutput("console0"), ascii("other"));
  assertEquals(host.power, { kind: "power", action: "fail", code: 7 });
  assertEquals(host.wallTimeNs(5) - host.wallTimeNs(0), 5n);
});

Deno.test("MemoryHost writes to its images only with `through`, and knows no other disk", () => {
  const bytes = new Uint8Array(512).fill(7);
  for (const through of [false, true]) {
    const image = new Uint8Array(8192);
    const host = new MemoryHost({ disks: { vda: image }, through });
    const write = { ...read(0), operation: "write", sizeBytes: 512, bytes } as const;
    host.output(0, "vda", write);
    assertEquals(takeAll(host, 0), [{ device: "vda", kind: "disk", request: 0, error: undefined }]);
    assertEquals(image[4096], through ? 7 : 0);
    host.output(0, "vdb", write);
    host.output(0, "vda", { ...read(1), offset: 8192 });
    const errors = takeAll(host, 0).map((input) => input.kind === "disk" && input.error);
    assertEquals(errors, ["EIO", "EIO"]);
  }
});
