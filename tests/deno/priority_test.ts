import { assert, assertEquals } from "@std/assert";
import { basename, join } from "@std/path";
import os from "node:os";
import { ThreadCompiler } from "../../devices/deno/compiler.ts";
import { BACKGROUND_NICE } from "../../deno/priority.ts";
import { FileWriter } from "../../replay/deno/file_writer.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "V8's threads step back for machines, and so do those that emit code and write files",
  ignore,
  fn: async () => {
    const own = Number(basename(Deno.readLinkSync("/proc/thread-self")));
    const ownNice = os.getPriority(own);
    const earlier = new Set(threads().map(({ id }) => id));
    const folder = await Deno.makeTempDir();
    const compiler = new ThreadCompiler();
    const writer = new FileWriter(join(folder, "it.hsr"));
    try {
      const isNew = ({ id, nice }: Thread) => !earlier.has(id) && nice === BACKGROUND_NICE;
      await until(() => threads().filter(isNew).length === 2);
      const v8 = threads().filter(({ name }) => name.startsWith("V8 "));
      assert(v8.length > 0);
      for (const { name, nice } of v8) assertEquals([name, nice], [name, BACKGROUND_NICE]);
      assertEquals(os.getPriority(own), ownNice);
    } finally {
      compiler.close();
      writer.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

interface Thread {
  readonly id: number;
  readonly name: string;
  readonly nice: number;
}

function threads(): readonly Thread[] {
  return [...Deno.readDirSync("/proc/self/task")].map(({ name: id }) => ({
    id: Number(id),
    name: Deno.readTextFileSync(`/proc/self/task/${id}/comm`),
    nice: os.getPriority(Number(id)),
  }));
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!isSo()) {
    assert(performance.now() < endMs, "it took too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
