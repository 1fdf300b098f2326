/** Memory for what comes in: it stays until it is written, and is used again after that. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { RecycledMemory, SLAB_BYTES } from "../../../replay/deno/recycled_memory.ts";

const OWNERS = [0, 1, 2];

Deno.test("RecycledMemory.copy() gives no byte twice until the part that names it is written", () => {
  const random = new Random(7);
  let written = 0;
  let given = 0;
  const memory = new RecycledMemory(() => written);
  /** What was copied, by owner; and by part, once that is given. */
  const gathered = OWNERS.map((): { copy: Uint8Array; value: number }[] => []);
  const waiting: { copy: Uint8Array; value: number }[][] = [];
  const buffers = new Set<ArrayBufferLike>();
  for (let n = 0; n < 500; n++) {
    const owner = random.below(OWNERS.length);
    const value = n % 251;
    const copy = memory.copy(new Uint8Array(random.below(SLAB_BYTES / 8)).fill(value), owner);
    buffers.add(copy.buffer);
    gathered[owner].push({ copy, value });
    if (random.below(4) === 0) {
      memory.given(owner, ++given);
      waiting.push(gathered[owner].splice(0));
    }
    // The thread is up to eight parts behind.
    for (; waiting.length > 8; written++) {
      for (const { copy, value } of waiting.shift()!) {
        for (let at = 0; at < copy.length; at += 997) {
          assert(copy[at] === value, `seed 7, part ${written + 1}`);
        }
      }
    }
  }
  assert(buffers.size < 20, `${buffers.size} slabs for what 12 hold`);
});

Deno.test("RecycledMemory.copy() puts what follows behind it, and leaves alone what fits no slab", () => {
  const memory = new RecycledMemory(() => 0);
  const [first, second] = [5, 7].map((sizeBytes) => memory.copy(new Uint8Array(sizeBytes), 0));
  assertEquals(first.buffer, second.buffer);
  assertEquals(second.byteOffset, first.byteOffset + 5);
  const large = new Uint8Array(SLAB_BYTES + 1);
  assert(memory.copy(large, 0) === large);
});
