/** A profile on disk: shared by processes, and no harm if it is damaged, missing or in the way. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { SLOTS } from "../../../core/hart/layout.ts";
import { ProfileFile } from "../../../devices/deno/profile_file.ts";

function learn({ profile }: ProfileFile, key: bigint): void {
  profile.learn(key, new Uint16Array(SLOTS), new Uint8Array(SLOTS).fill(1), 7n);
}

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
    learn(one, 1n);
    learn(other, 2n);
    one.save();
    other.save();
    const { profile } = new ProfileFile(path);
    assertEquals([profile.startOf(1n), profile.startOf(2n), profile.isChanged], [7n, 7n, false]);
  }));

Deno.test("without news nothing is written", () =>
  inFolder((path) => {
    new ProfileFile(path).save();
    assertEquals([...Deno.readDirSync(path.replace(/profile$/, ""))], []);
  }));

Deno.test("a damaged profile is none, and is replaced", () =>
  inFolder((path) => {
    const file = new ProfileFile(path);
    learn(file, 1n);
    file.save();
    const whole = Deno.readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] ^= 1;
      Deno.writeFileSync(path, damaged);
      assert(new ProfileFile(path).profile.startOf(1n) === undefined, `byte ${at} does not matter`);
      Deno.writeFileSync(path, whole.subarray(0, at));
      assert(new ProfileFile(path).profile.startOf(1n) === undefined, `${at} bytes are enough`);
    }
    const next = new ProfileFile(path);
    learn(next, 3n);
    next.save();
    assert(new ProfileFile(path).profile.startOf(3n) === 7n);
  }));

Deno.test("where no profile can be written nothing happens", () =>
  inFolder((path) => {
    Deno.mkdirSync(path);
    for (const there of [path, join(path, "missing", "profile")]) {
      const file = new ProfileFile(there);
      learn(file, 1n);
      file.save();
    }
    assertEquals([...Deno.readDirSync(path)], []);
  }));
