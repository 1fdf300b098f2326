/** Two Debian guests on one switch: TCP from one to the other, on one thread and on two. */
import { join } from "@std/path";
import { betweenMs, median, type Run, timeRun } from "./measure.ts";
import { ours } from "./peers.ts";
import type { Report } from "./report.ts";

const SIZE_MIB = 32;
const MEGABYTES = SIZE_MIB * 2 ** 20 / 1e6;
const WORKERS = [1, 2];

const address = (n: number) => `ip addr add 10.0.0.${n}/24 dev eth0; ip link set eth0 up`;
const LAB = {
  guests: {
    receiver: {
      guest: "debian",
      nics: [{ end: "switch:lan" }],
      run: `${address(1)}; nc -l -p 9 | wc -c`,
    },
    sender: {
      guest: "debian",
      nics: [{ end: "switch:lan" }],
      run: `${address(2)}; until ping -c 1 -W 1 10.0.0.1; do :; done; sleep 1; ` +
        `echo bench: start; cat /proc/uptime; ` +
        `dd if=/dev/zero bs=1M count=${SIZE_MIB} 2> /dev/null | nc 10.0.0.1 9; ` +
        `cat /proc/uptime; echo bench: end`,
    },
  },
  switches: { lan: {} },
};

/** @throws Error if not all arrives */
export async function benchLab(rounds: number): Promise<Report> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "lab.json");
  try {
    await Deno.writeTextFile(file, JSON.stringify(LAB));
    const runs = new Map(WORKERS.map((workers) => [workers, [] as Run[]]));
    for (let round = 0; round < rounds; round++) {
      for (const [workers, done] of runs) {
        const run = await timeRun(ours("run", "--lab", file, "--workers", `${workers}`));
        if (!run.text.includes(`receiver| ${SIZE_MIB * 2 ** 20}\r\n`)) {
          throw new Error(`lab: not all arrived:\n${run.text.slice(-2000)}`);
        }
        done.push(run);
      }
    }
    const rows = [...runs].map(([workers, done]) => ({
      workers,
      "whole, wall ms": median(done.map(({ wallMs }) => wallMs)),
      "whole, user ms": median(done.map(({ userMs }) => userMs)),
      "MB per wall s": MEGABYTES / median(done.map(sendingMs)) * 1000,
      "MB per guest s": MEGABYTES / guestSeconds(done[0]),
    }));
    return {
      title: `lab: ${SIZE_MIB} MiB by TCP from guest to guest, medians of ${rounds}`,
      rows,
      figures: {
        megabytesPerGuestSecond: rows[0]["MB per guest s"],
        megabytesPerWallSecond: rows[1]["MB per wall s"],
        twoWorkersToOne: rows[1]["whole, wall ms"] / rows[0]["whole, wall ms"],
      },
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function sendingMs(run: Run): number {
  return betweenMs(run, "sender| bench: start", "sender| bench: end");
}

/** Source: proc(5), /proc/uptime. The same in every run. */
function guestSeconds({ text }: Run): number {
  const [from, to] = [...text.matchAll(/^sender\| (\d+\.\d\d) \d+\.\d\d\r?$/gm)].map((
    [, seconds],
  ) => Number(seconds));
  return to - from;
}
