/** Records Debian while its disk, its console and its source of entropy are busy, as the host has them. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Random } from "../../core/random.ts";
import { imageUrl } from "../../guests/images.ts";
import { hindsight, startHindsight } from "./cli.ts";

const DISK_BYTES = 16 << 20;
const LINES = 220;
const TYPING_MS_MAX = 4;

/** Inputs that each recording must have. */
const INPUTS_MIN = { disk: 500, console: 200, entropy: 20 };

/**
 * What the guest does: 20 × 26 direct reads of 4 KiB spread over the disk while a second reader has
 * large ones in flight, reads of `/dev/hwrng` while two threads race, and a prompt for each line. The
 * first of those that a file holds may come while the kernel has no terminal yet, and get lost.
 */
const ACTIVITY = `stty -echo
dd if=/dev/vda of=/dev/null bs=1M iflag=direct 2>/dev/null &
at=0
while [ $at -lt 4000 ]; do
  dd if=/dev/vda of=/dev/null bs=4096 count=26 skip=$at iflag=direct 2>/dev/null
  at=$((at + 200))
done
dd if=/dev/hwrng of=/dev/null bs=64 count=40 2>/dev/null &
/lost_updates
wait
n=0
until [ "$line" = bye ]; do
  printf '%s> ' $n
  read -r line
  n=$((n + 1))
done
echo "$n lines"
`;

export interface LiveRecording {
  readonly folder: string;
  readonly harts: number;
  readonly seed: number;
  /** Lines come from a file when the guest waits for them, or through a pipe while it runs. */
  readonly typing: "send" | "pipe";
  readonly env?: Record<string, string>;
}

/** Records into `folder/it.hsr`, and leaves no disk behind. @returns how many updates were lost */
export async function recordLive(recording: LiveRecording): Promise<number> {
  const { folder, harts, seed, typing, env } = recording;
  const file = (name: string) => join(folder, name);
  await Deno.writeFile(file("disk"), new Random(seed).bytes(DISK_BYTES));
  await Deno.writeTextFile(file("activity"), ACTIVITY);
  const args = ["record", "--guest", "debian", "--harts", `${harts}`, "--seed", `${seed}`]
    .concat([
      "--disk",
      file("disk"),
      "--copy",
      `${fromFileUrl(imageUrl("lost_updates"))}:/lost_updates`,
    ])
    .concat(["--copy", `${file("activity")}:/activity`, "-o", file("it.hsr")]);
  const printed = typing === "send"
    ? await sendLines(args, file("lines"), env)
    : await typeLines(args, new Random(seed), env);
  const [, lines] = /(\d+) lines\r?\n/.exec(printed) ?? [];
  assert(Number(lines) >= LINES - 1, printed);
  const [, lost] = /lost updates: (\d+)\r?\n/.exec(printed) ?? [];
  assert(lost !== undefined, printed);
  await Deno.remove(file("disk"));
  const facts = JSON.parse((await hindsight(["info", file("it.hsr"), "--json"])).stdout);
  assertEquals([facts.machine.harts, facts.machine.diskTiming], [harts, "live"]);
  for (const [kind, min] of Object.entries(INPUTS_MIN)) {
    assert(facts.inputs[kind] >= min, `${kind}: ${JSON.stringify(facts.inputs)}`);
  }
  return Number(lost);
}

async function sendLines(
  args: readonly string[],
  lines: string,
  env?: Record<string, string>,
): Promise<string> {
  const text = Array.from({ length: LINES }, (_, n) => `${lineOf(n)}\n`).join("");
  await Deno.writeTextFile(lines, text);
  const outcome = await hindsight([...args, "--send", lines, "--run", "sh /activity"], { env });
  assertEquals([outcome.status, outcome.stderr], [0, ""]);
  return outcome.stdout;
}

function lineOf(n: number): string {
  return n < LINES - 1 ? `line ${n}` : "bye";
}

/** Answers each prompt after a while that the guest cannot foresee. */
async function typeLines(
  args: readonly string[],
  random: Random,
  env?: Record<string, string>,
): Promise<string> {
  const child = startHindsight(args, { stdin: "piped", env });
  const keys = child.stdin.getWriter();
  let printed = "";
  let answered = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    printed += text;
    const [, prompt] = /(# |> )(.\[6n)?$/.exec(printed.slice(answered)) ?? [];
    if (prompt === undefined) continue;
    answered = printed.length;
    await new Promise((resolve) => setTimeout(resolve, random.below(TYPING_MS_MAX)));
    const line = prompt === "> "
      ? lineOf(Number(/(\d+)> $/.exec(printed)![1]))
      : / lines\r?\n/.test(printed)
      ? "exit"
      : "sh /activity";
    await keys.write(new TextEncoder().encode(`${line}\n`));
  }
  await keys.close().catch(() => {});
  assertEquals((await child.status).code, 0, printed);
  return printed;
}

/** @returns the line that `verify` printed */
export async function assertVerifies(path: string, env?: Record<string, string>): Promise<string> {
  const { status, stdout, stderr } = await hindsight(["verify", path], { env });
  assertEquals([status, stderr], [0, ""], path);
  const [, cycle, digests] = /^verified to cycle (\d+): .* (\d+) digests match, .*\n$/.exec(
    stdout,
  )!;
  assertEquals(Number(digests), Math.floor(Number(cycle) / 10_000_000) + 1, stdout);
  return stdout;
}
