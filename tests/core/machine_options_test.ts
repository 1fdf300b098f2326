import { assertRejects, assertThrows } from "@std/assert";
import { Machine, type MachineOptions } from "../../core/machine.ts";
import { checkOptions } from "../../core/machine_options.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";

function options(given: Partial<MachineOptions> = {}): MachineOptions {
  return {
    memoryBytes: 4 << 20,
    harts: 1,
    seed: 0,
    host: new MemoryHost(),
    buildBoard: () => [],
    rom: new Uint8Array(0),
    images: [],
    ...given,
  };
}

Deno.test("checkOptions() takes what is in range", () => {
  checkOptions(options());
  for (const harts of [1, 8]) checkOptions(options({ harts }));
  for (const memoryBytes of [1 << 20, 2 ** 33]) checkOptions(options({ memoryBytes }));
  checkOptions(options({ rom: new Uint8Array(0xf000) }));
  for (const tlbEntries of [1, 2, 256]) checkOptions(options({ engine: { tlbEntries } }));
  for (const jitThreshold of [0, 1, 2, 8192, 2 ** 24]) {
    checkOptions(options({ engine: { jitThreshold } }));
  }
});

Deno.test("checkOptions() says what is out of range, and what would do", () => {
  const jit = (jitThreshold: number) => ({ engine: { jitThreshold } });
  const threshold = "A jitThreshold is 0 or a power of two, at most 16777216, not ";
  const cases: readonly [Partial<MachineOptions>, string][] = [
    [{ harts: 0 }, "A machine has 1 to 8 harts, not 0"],
    [{ harts: 9 }, "A machine has 1 to 8 harts, not 9"],
    [{ harts: 1.5 }, "A machine has 1 to 8 harts, not 1.5"],
    [{ memoryBytes: 0 }, "Memory of 0 bytes"],
    [{ memoryBytes: (1 << 20) + 4096 }, "a multiple of 1 MiB, from 1 MiB to 8 GiB"],
    [{ memoryBytes: 2 ** 33 + 2 ** 20 }, "a multiple of 1 MiB, from 1 MiB to 8 GiB"],
    [{ rom: new Uint8Array(0xf001) }, "The ROM has 61441 bytes; at most 61440 fit"],
    [{ engine: { tlbEntries: 0 } }, "from 1 to 256, not 0"],
    [{ engine: { tlbEntries: 3 } }, "from 1 to 256, not 3"],
    [{ engine: { tlbEntries: 512 } }, "from 1 to 256, not 512"],
    [jit(3), `${threshold}3`],
    [jit(-1), `${threshold}-1`],
    [jit(0.5), `${threshold}0.5`],
    [jit(2 ** 25), `${threshold}33554432`],
    [jit(2 ** 32), `${threshold}4294967296`],
    [jit(NaN), `${threshold}NaN`],
    [jit(Infinity), `${threshold}Infinity`],
  ];
  for (const [given, message] of cases) {
    assertThrows(() => checkOptions(options(given)), RangeError, message);
  }
});

Deno.test("a machine is not made of options that are out of range", async () => {
  const given = options({ engine: { jitThreshold: 100 } });
  await assertRejects(() => Machine.create(given), RangeError, "power of two");
});
