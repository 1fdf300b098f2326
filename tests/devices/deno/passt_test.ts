/** The real passt at a cable's end: it serves, and it never outlives us. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { NetworkError } from "../../../devices/deno/network_error.ts";
import { Passt } from "../../../devices/deno/passt.ts";
import { NetworkMailbox } from "../../../devices/host/network_mailbox.ts";
import { hasPeer } from "../../peer.ts";

const PATIENCE_MS = 10_000;
const GUEST = [2, 0, 0, 0, 0, 7];

/** RFC 2131 and 2132: a broadcast that asks for a lease, and for an MTU beside it. */
function dhcpDiscover(): Uint8Array {
  const options = [0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 4, 1, 3, 6, 26, 255];
  const bootp = [1, 1, 6, 0, 0xca, 0xfe, 0, 1, ...Array(20).fill(0), ...GUEST];
  bootp.push(...Array(236 - bootp.length).fill(0), ...options, ...Array(50).fill(0));
  const udp = [0, 68, 0, 67, (8 + bootp.length) >> 8, (8 + bootp.length) & 255, 0, 0, ...bootp];
  const length = 20 + udp.length;
  const ip = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, 17, 0, 0];
  ip.push(0, 0, 0, 0, 255, 255, 255, 255);
  let sum = 0;
  for (let i = 0; i < ip.length; i += 2) sum += ip[i] * 256 + ip[i + 1];
  const checksum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  [ip[10], ip[11]] = [checksum >> 8, checksum & 255];
  return Uint8Array.from([...Array(6).fill(255), ...GUEST, 8, 0, ...ip, ...udp]);
}

async function soon<T>(look: () => T | undefined): Promise<T> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it did not happen");
}

/** Source: proc(5): a process that has ended has no entry, or is a zombie. */
function hasEnded(pid: number): true | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z") ? true : undefined;
  } catch {
    return true;
  }
}

Deno.test("Passt leases QEMU's addresses, and ends when it is closed", async () => {
  if (!await hasPeer("passt", "passt")) return;
  const mailbox = new NetworkMailbox("net0", () => {});
  const passt = await Passt.open([], mailbox);
  passt.send(dhcpDiscover());
  const offer = await soon(() => {
    const input = mailbox.take(mailbox.next);
    // From the server's port to the client's.
    return input?.kind === "frame" && input.bytes[35] === 67 ? input.bytes : undefined;
  });
  assertEquals([...offer.subarray(6, 12)], [0x52, 0x55, 10, 0, 2, 2]);
  assertEquals([...offer.subarray(58, 62)], [10, 0, 2, 15]); // yiaddr
  passt.close();
  await soon(() => hasEnded(passt.process.pid));
  assert(mailbox.isOpen); // it was we who ended it
});

Deno.test("Passt tells when its process ends by itself", async () => {
  if (!await hasPeer("passt", "passt")) return;
  const mailbox = new NetworkMailbox("net0", () => {});
  const passt = await Passt.open([], mailbox);
  passt.process.kill("SIGKILL");
  const told = await soon(() => mailbox.take(mailbox.next));
  assertEquals(told.kind === "host" && told.text, "passt has ended");
  assertEquals(mailbox.take(0), { device: "net0", kind: "link", up: false });
  passt.close();
});

Deno.test("Passt says why it does not start", async () => {
  if (!await hasPeer("passt", "passt")) return;
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const forward = { protocol: "tcp", hostPort: taken.addr.port, guestPort: 80 } as const;
  const mailbox = new NetworkMailbox("net0", () => {});
  await assertRejects(() => Passt.open([forward], mailbox), NetworkError, `${taken.addr.port}`);
});

Deno.test("passt ends when we are killed", async () => {
  if (!await hasPeer("passt", "passt")) return;
  const path = (file: string) => fromFileUrl(new URL(`../../../devices/${file}`, import.meta.url));
  const program = `
    import { Passt } from ${JSON.stringify(path("deno/passt.ts"))};
    import { NetworkMailbox } from ${JSON.stringify(path("host/network_mailbox.ts"))};
    const passt = await Passt.open([], new NetworkMailbox("net0", () => {}));
    console.log(passt.process.pid);
    setInterval(() => {}, 1000);`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", file],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await reader.read()).value);
    assert(pid > 0 && hasEnded(pid) === undefined, `${pid}`);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await soon(() => hasEnded(pid));
  } finally {
    await Deno.remove(file);
  }
});
