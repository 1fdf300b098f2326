/** The escape keys, and that a real terminal is given back whatever happens. */
import { assert, assertEquals } from "@std/assert";
import { EscapeKeys } from "../../../devices/deno/escape_keys.ts";
import { hasPeer } from "../../peer.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("EscapeKeys passes everything but Ctrl-A sequences to the guest", () => {
  const keys = new EscapeKeys();
  assertEquals(keys.feed(bytes(97, 3, 4)), { bytes: bytes(97, 3, 4), leave: false, help: false });
  assertEquals(keys.feed(bytes(1)), { bytes: bytes(), leave: false, help: false });
  assertEquals(keys.feed(bytes(1, 98)), { bytes: bytes(1, 98), leave: false, help: false });
  assertEquals(keys.feed(bytes(1, 104, 99)), { bytes: bytes(99), leave: false, help: true });
  assertEquals(keys.feed(bytes(100, 1, 120, 101)), { bytes: bytes(100), leave: true, help: false });
});

/** What a process under a pseudo-terminal does, and how the terminal is afterwards. */
const UNDER_PTY = `
import os, pty, sys, termios, time, signal, select
script, action = sys.argv[1], sys.argv[2]
parent, child = pty.openpty()
def lflag(): return termios.tcgetattr(child)[3]
before = lflag()
pid = os.fork()
if pid == 0:
    os.setsid()
    for fd in (0, 1, 2): os.dup2(child, fd)
    os.execvp(sys.argv[3], sys.argv[3:] + ["run", "-A", "--no-check", script, action])
out = b""
deadline = time.time() + 20
while b"ready" not in out and time.time() < deadline:
    if select.select([parent], [], [], 0.1)[0]: out += os.read(parent, 4096)
raw = lflag()
if action == "leave": os.write(parent, b"\\x01x")
elif action.startswith("SIG"): os.kill(pid, getattr(signal, action))
else: os.write(parent, b"g")
while True:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done or time.time() > deadline: break
    if select.select([parent], [], [], 0.05)[0]:
        try: out += os.read(parent, 4096)
        except OSError: pass
print(bool(raw & termios.ICANON), lflag() == before, os.waitstatus_to_exitcode(status) if done else "hung")
`;

const SCRIPT = `
import { LiveHost } from ${
  JSON.stringify(new URL("../../../devices/deno/live_host.ts", import.meta.url))
};
import { Terminal } from ${
  JSON.stringify(new URL("../../../devices/deno/terminal.ts", import.meta.url))
};
const host = new LiveHost({ timing: "live", seed: 1 });
let left = false;
const terminal = Terminal.open(
  host.attachConsole("uart0"), () => left = true, (number) => Deno.exit(128 + number));
console.log("ready");
const cycle = await host.idle(0, 60_000_000_000);
const input = host.take(cycle);
if (Deno.args[0] === "throw") throw new Error("as if by accident");
if (Deno.args[0] === "reject") Promise.reject(new Error("as if by accident"));
if (Deno.args[0] === "reject") await host.idle(0, 60_000_000_000);
if (Deno.args[0] === "exit") Deno.exit(7);
terminal.close();
Deno.exit(left ? 0 : 9);
`;

Deno.test("Terminal gives the terminal back on return, exception, exit and signals", async () => {
  if (!await hasPeer("python3", "python3")) return;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/script.ts`, SCRIPT);
  await Deno.writeTextFile(`${folder}/under_pty.py`, UNDER_PTY);
  const expected = {
    leave: 0,
    key: 9,
    exit: 7,
    throw: 1,
    reject: 1,
    SIGTERM: 143,
    SIGINT: 130,
    SIGHUP: 129,
  };
  const results = await Promise.all(
    Object.entries(expected).map(async ([action, status]) => {
      const { stdout, stderr } = await new Deno.Command("python3", {
        args: [`${folder}/under_pty.py`, `${folder}/script.ts`, action, Deno.execPath()],
      }).output();
      const decoder = new TextDecoder();
      return { action, status, got: decoder.decode(stdout).trim() + decoder.decode(stderr) };
    }),
  );
  await Deno.remove(folder, { recursive: true });
  for (const { action, status, got } of results) {
    assertEquals(got, `False True ${status}`, action); // raw while it ran, as before afterwards
  }
  assert(results.length === 8);
});
