/** As live_recordings_long_test.ts, once. */
import { join } from "@std/path";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { assertVerifies, recordLive } from "./live.ts";
import { inFolder } from "./recordings.ts";

Deno.test("a live recording of a busy Debian on two harts verifies", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    await recordLive({ folder, harts: 2, seed: 1, typing: "pipe" });
    await assertVerifies(join(folder, "it.hsr"));
  });
});
