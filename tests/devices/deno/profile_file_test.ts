/** A profile on disk: shared by processes, and no harm if it is damaged, missing or in the way. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { SLOTS } from "../../../core/hart/layout.ts";
import { ProfileFile } from "../../../devices/deno/profile_file.ts";

const slots = (flags: number) => new Uint8Array(SLOTS).fill(flags);

async function inFolder(test: (path: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    test(join(folder, "profile"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("what two processes learn at the same time is all kept", () =>
  inFolder((path) => {
    const [one, other] = [new ProfileFile(path), new ProfileFile(path)];
    one.profile.learn(1n, slots(1));
    other.profile.learn(2n, slots(2));
    one.save();
    other.save();
    const { profile } = new ProfileFile(path);
    assertEquals([profile.knows(1n), profile.knows(2n), profile.isChanged], [true, true, false]);
  }));

Deno.test("without news nothing is written", () =>
  inFolder((path) => {
    new ProfileFile(path).save();
    assertEquals([...Deno.readDirSync(path.replace(/profile$/, ""))], []);
  }));

Deno.test("a damaged profile is none, and is replaced", () =>
  inFolder((path) => {
    const file = new ProfileFile(path);
    file.profile.learn(1n, slots(1));
    file.save();
    const whole = Deno.readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] ^= 1;
      Deno.writeFileSync(path, damaged);
      assert(!new ProfileFile(path).profile.knows(1n), `byte ${at} does not matter`);
      Deno.writeFileSync(path, whole.subarray(0, at));
      assert(!new ProfileFile(path).profile.knows(1n), `${at} bytes are enough`);
    }
    const next = new ProfileFile(path);
    next.profile.learn(3n, slots(1));
    next.save();
    assert(new ProfileFile(path).profile.knows(3n));
  }));

Deno.test("where no profile can be written nothing happens", () =>
  inFolder((path) => {
    Deno.mkdirSync(path);
    for (const there of [path, join(path, "missing", "profile")]) {
      const file = new ProfileFile(there);
      file.profile.learn(1n, slots(1));
      file.save();
    }
    assertEquals([...Deno.readDirSync(path)], []);
  }));
