/** The network through passt: much at once, both ways, and little many times. */
import { join } from "@std/path";
import { Random } from "../core/random.ts";
import { DebianRuns } from "./debian.ts";
import { betweenMs, median, type Run, timeRun } from "./measure.ts";
import { ours } from "./peers.ts";
import type { Report } from "./report.ts";
import { commandsOf, type Kind, measureWorks, type Work } from "./works.ts";

const MIB = 2 ** 20;
const LARGE_MIB = 16;
const FETCHES = 100;

const PARTS = [`${LARGE_MIB} MiB fetched`, `${LARGE_MIB} MiB sent`, `${FETCHES} small fetches`];

/** Wall and guest time between two marks, which also tell the guest's clock. */
export async function benchNetwork(rounds: number): Promise<Report> {
  const large = new Uint8Array(LARGE_MIB * MIB);
  const noise = new Random(1).bytes(MIB + 512);
  for (let at = 0; at < large.length; at += noise.length) {
    large.set(noise.subarray(0, large.length - at), at);
  }
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      if (request.url.endsWith("/large")) return new Response(large);
      return new Response(`${(await request.bytes()).length} bytes\n`);
    },
  );
  const folder = await Deno.makeTempDir();
  const file = join(folder, "bench.hsr");
  try {
    await using guest = await DebianRuns.open(work(`http://10.0.2.2:${server.addr.port}`));
    const { program, args } = guest.qemuPlain;
    const card = ["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net"];
    const commands = {
      ...commandsOf([...guest.machine, "--nic", "user"], file),
      qemu: { program, args: [...args, ...card] },
    };
    const guestMs = PARTS.map((): number[] => []);
    const works: Work[] = [{ commands, parts: (run, kind) => between(run, kind, guestMs) }];
    const report = await measureWorks({ title: "network", works, file, rounds });
    const [fetched, sent] = guestMs.map((ms) => LARGE_MIB * MIB / 1000 / median(ms));
    const figures = {
      fetchedMegabytesPerGuestSecond: fetched,
      sentMegabytesPerGuestSecond: sent,
      ...await logSize(file),
    };
    return { ...report, figures: { ...report.figures, ...figures } };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A guest with our extra initramfs has the script for DHCP; QEMU's gets the same address by hand. */
function work(url: string): string {
  const mark = (name: string) => `echo "bench: ${name}"; cat /proc/uptime`;
  return [
    // wget sends what is before the first NUL.
    `yes | head -c ${LARGE_MIB * MIB} > /tmp/large`,
    `if [ -e /etc/udhcpc/default.script ]; then udhcpc -q -i eth0 2>/dev/null; else ` +
    `ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2; fi`,
    `wget -q -O - ${url}/`,
    mark(PARTS[0]),
    `wget -q -O /dev/null ${url}/large`,
    mark(PARTS[1]),
    `wget -q -O - --post-file /tmp/large ${url}/`,
    mark(PARTS[2]),
    `n=0; while [ $((n += 1)) -le ${FETCHES} ]; do wget -q -O - ${url}/small; done | sort | uniq -c`,
    mark("end"),
  ].join("; ");
}

/** A replay prints what it has gathered, so that only its whole can be timed. */
function between(run: Run, kind: Kind, guestMs: number[][]): Readonly<Record<string, number>> {
  if (!run.text.includes(`${LARGE_MIB * MIB} bytes`) || !run.text.includes(`${FETCHES} 0 bytes`)) {
    throw new Error(`network: not all arrived:\n${run.text.slice(-2000)}`);
  }
  const parts: Record<string, number> = { "network, whole: wall": run.wallMs };
  if (kind !== "qemu") parts["network, whole: user"] = run.userMs;
  if (kind === "replay") return parts;
  const marks = [...PARTS, "end"].map((name) => `bench: ${name}`);
  PARTS.forEach((name, index) => {
    parts[name] = betweenMs(run, marks[index], marks[index + 1]);
    if (kind === "run") guestMs[index].push(uptimeMs(run, index + 1) - uptimeMs(run, index));
  });
  return parts;
}

/** Source: proc(5), /proc/uptime: seconds to a hundredth. */
function uptimeMs({ text }: Run, mark: number): number {
  const seconds = [...text.matchAll(/^bench: .*\r?\n(\d+\.\d\d) /gm)].map(([, found]) => found);
  return 1000 * Number(seconds[mark]);
}

/** What a recording takes beside the bytes of the frames and blocks that came in, a frame. */
async function logSize(file: string) {
  const { sizes } = JSON.parse((await timeRun(ours("info", "--json", file))).text);
  const events: { kind: string; sizeBytes?: number }[] = JSON.parse(
    (await timeRun(ours("events", "--json", file))).text,
  );
  const payloadBytes = events.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  const framesReceived = events.filter(({ kind }) => kind === "frame").length;
  const logBytesPerFrameBesidePayload = (sizes.blocks + sizes.log - payloadBytes) / framesReceived;
  return { framesReceived, logBytesPerFrameBesidePayload };
}
