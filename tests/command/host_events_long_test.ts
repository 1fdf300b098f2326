/** What happens to a recorded Debian guest's disk underneath it, and that the recording says so. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Random } from "../../core/random.ts";
import { hindsight, startHindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const MIB = 1 << 20;
const READ = (skip: number) =>
  `dd if=/dev/vda of=/dev/null bs=64k skip=${skip} count=16 iflag=direct`;
/** Reads the first MiB, waits, reads the second, waits, reads the last. */
const SCRIPT = `${READ(0)}; echo on""e; sleep 4; ${READ(16)}; echo tw""o; sleep 4; ${
  READ(240)
}; true`;

Deno.test("a disk that is changed and cut short underneath a guest is told beside what it sees", async () => {
  await inFolder(async (folder) => {
    const disk = join(folder, "disk");
    const path = join(folder, "it.hsr");
    await Deno.writeFile(disk, new Random(8).bytes(16 * MIB));
    // A terminal's end that is open makes the guest's seconds last as long as ours.
    const flags = ["--guest", "debian", "--disk", disk, "-o", path];
    const child = startHindsight(["record", ...flags], { stdin: "piped", stderr: "piped" });
    const stdin = child.stdin.getWriter();
    const console = new Console(child.stdout);
    await console.until("~ #");
    await stdin.write(new TextEncoder().encode(`${SCRIPT}; poweroff -f\n`));
    await console.until("\none");
    await change(disk, 8 * 4096, new Uint8Array(3 * 4096).fill(0xee));
    await console.until("\ntwo");
    await Deno.truncate(disk, 15 * MIB + 4096);
    child.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill("SIGCONT");
    await console.until(undefined);
    const { success, code } = await child.status;
    const stderr = await new Response(child.stderr).text();
    assert(success, `status ${code}: ${stderr}`);
    await stdin.close().catch(() => {});
    assertStringIncludes(console.text, "I/O error");

    const events = JSON.parse((await hindsight(["events", path, "--json"])).stdout);
    const told = (event: string) => events.filter((it: { event?: string }) => it.event === event);
    const changed = told("image-changed");
    assertEquals([changed[0].concerns, changed[0].offset], ["disk0", 8 * 4096]);
    assertEquals(changed[0].sizeBytes, 3 * 4096);
    const [error] = told("io-error");
    assertEquals([error.concerns, error.error, error.sizeBytes], ["disk0", "EIO", 4096]);
    assertMatch(error.text, /^read of 65536 bytes at 15728640: the file ends at byte 15732736$/);
    const answer = events.find((it: { kind: string; request?: number }) =>
      it.kind === "disk" && it.request === error.request
    );
    assertEquals([answer.error, answer.hostEvents], ["EIO", [error.id]]);

    const stalls = told("stall").filter((it: { concerns: string }) => it.concerns === "machine");
    assert(stalls.some((it: { ns: string }) => Number(it.ns) > 1.4e9), JSON.stringify(stalls));

    const facts = JSON.parse((await hindsight(["info", path, "--json"])).stdout);
    assertEquals(facts.hostEvents["image-changed"], changed.length);
    assertEquals(facts.hostEvents["io-error"], told("io-error").length);
    const verified = await hindsight(["verify", path]);
    assertEquals([verified.status, verified.stderr], [0, ""]);
  });
});

async function change(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await Deno.open(path, { write: true });
  await file.seek(offset, Deno.SeekMode.Start);
  await file.write(bytes);
  file.close();
}

/** What the guest prints, as far as it was waited for. */
class Console {
  text = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Reads until it prints this; to its end if `undefined`. */
  async until(wanted: string | undefined): Promise<void> {
    const decoder = new TextDecoder();
    while (wanted === undefined || !this.text.includes(wanted)) {
      const { value, done } = await this.#reader.read();
      if (done) break;
      this.text += decoder.decode(value, { stream: true });
    }
    assert(wanted === undefined || this.text.includes(wanted), this.text);
  }
}
