/** Debian, row by row: what befalls it, and what it does to itself. */
import type { LogEntry } from "../../../../replay/log.ts";
import type { FaultPlan } from "../../../../replay/faults/plan.ts";
import { LINE, LINKED, NOTE, RAW_BLOCK } from "../debian_boot.ts";
import type { DebianSpecimen } from "../debian_specimen.ts";

const MS = 1_000_000;
const S = 1000 * MS;
const DISK = { device: "disk0", source: 1 };
const NET = { device: "net0", source: 3 }; // behind the second disk
const UART = { device: "uart0", source: 10 };

/** Waits for a frame, and fails if none comes. */
const RECEIVE = 'sleep 2; [ "$(cat /sys/class/net/eth0/statistics/rx_packets)" -gt 0 ] || exit 7';
const RAW_SECTOR = RAW_BLOCK * 8;
const READ_RAW = `dd if=/dev/vdb bs=4096 skip=${RAW_BLOCK} count=1`;
const CRASH = "echo c > /proc/sysrq-trigger";
/** Waits no longer than two seconds for an answer. */
const ASK = "read -t 2 -r answer || exit 11";
const UPTIME = "cut -d. -f1 /proc/uptime";
const HUNG = "/proc/sys/kernel/hung_task_timeout_secs";
const LOCKUP = "cd /proc/sys/kernel; echo 1 > watchdog_thresh; echo 1 > softlockup_panic";
/** Writes over the code that the first process goes on with. */
const KILL_INIT = "set -- $(cat /proc/1/syscall); shift $(($# - 1)); " +
  "head -c 4 /dev/zero | dd of=/proc/1/mem bs=1 seek=$(($1)) conv=notrunc";
const provoke = (fault: string) => `insmod /root/provoke.ko fault=${fault}`;

const unreadable = (sectors: readonly number[]): FaultPlan => ({
  disk: sectors.map((sector) => ({
    disk: "disk0",
    fault: "read-error",
    sectors: [sector, sector],
  })),
});

const DISKS: readonly DebianSpecimen[] = [
  {
    name: "debian/disk/file-cannot-be-read",
    run: "cat /mnt/file > /dev/null || echo it cannot be read",
    plan: (boot) => unreadable(boot.sectorsOf(LINE).slice(0, 1)),
  },
  {
    name: "debian/disk/inode-cannot-be-read",
    run: "readlink /mnt/link; touch /mnt/other || exit 3",
    // The journal holds a copy, which nobody reads.
    plan: (boot) => unreadable(boot.sectorsOf(LINKED)),
  },
  {
    name: "debian/disk/journal-cannot-be-written",
    run: "touch /mnt/new; sync; touch /mnt/other || exit 3",
    plan: () => ({ disk: [{ disk: "disk0", fault: "write-error" }] }),
  },
  {
    name: "debian/disk/bit-rot",
    run: ({ rawSum }) => `${READ_RAW} | sha256sum | grep -q ${rawSum} || exit 4`,
    plan: () => ({
      disk: [{ disk: "disk1", fault: "bit-rot", sectors: [RAW_SECTOR, RAW_SECTOR], bit: 65 }],
    }),
  },
  {
    name: "debian/disk/error-and-own-crash",
    run: `cat /mnt/file > /dev/null; ${CRASH}`,
    plan: (boot) => unreadable(boot.sectorsOf(LINE).slice(0, 1)),
  },
  {
    name: "debian/disk/delay-and-own-crash",
    run: `cat /mnt/file > /dev/null; ${CRASH}`,
    plan: () => ({ disk: [{ disk: "disk0", fault: "latency", nth: 2, delay: 20 * MS }] }),
  },
  { name: "debian/disk/no-such-file", run: "cat /mnt/files || exit 5" },
];

const NICS: readonly DebianSpecimen[] = [
  {
    name: "debian/nic/lost-interrupt",
    run: RECEIVE,
    letters: [{ at: 500 * MS, text: "hello" }],
    plan: (_boot, at) => ({ interrupt: [{ ...NET, fault: "lost", at: at(400 * MS) }] }),
  },
  {
    name: "debian/nic/late-interrupt",
    run: RECEIVE,
    letters: [{ at: 500 * MS, text: "hello" }],
    plan: (_boot, at) => ({ interrupt: [{ ...NET, fault: "late", at: at(400 * MS), for: 5 * S }] }),
  },
  { name: "debian/nic/link-down", run: RECEIVE, linkDownAt: 300 * MS },
  {
    name: "debian/nic/late-interrupt-is-borne",
    run: RECEIVE,
    letters: [{ at: 500 * MS, text: "hello" }],
    plan: (_boot, at) => ({
      interrupt: [{ ...NET, fault: "late", at: at(499 * MS), for: 5 * MS }],
    }),
  },
  {
    name: "debian/nic/spurious-interrupt-and-own-crash",
    run: `${RECEIVE}; ${CRASH}`,
    letters: [{ at: 500 * MS, text: "hello" }],
    plan: (_boot, at) => ({ interrupt: [{ ...NET, fault: "spurious", at: at(400 * MS) }] }),
  },
  { name: "debian/nic/no-route", run: "ping -c 1 10.9.9.9 || exit 8" },
  {
    name: "debian/nic/own-card-is-off",
    run: `ip link set eth0 down; ${RECEIVE}`,
    letters: [{ at: 500 * MS, text: "hello" }],
  },
];

const TIMERS: readonly DebianSpecimen[] = [
  {
    name: "debian/timer/clock-jumps-forward",
    run: `a=$(${UPTIME}); sleep 1; b=$(${UPTIME}); [ $((b - a)) -lt 5 ] || exit 9`,
    plan: (_boot, at) => ({ clock: [{ at: at(300 * MS), jump: 20 * S }] }),
  },
  {
    name: "debian/timer/hart-withheld",
    run: `a=$(${UPTIME}); sleep 1; b=$(${UPTIME}); [ $((b - a)) -lt 3 ] || exit 9`,
    plan: (_boot, at) => ({ hart: [{ hart: 0, at: at(300 * MS), for: 3 * S }] }),
  },
  {
    name: "debian/timer/small-jump-and-own-crash",
    run: `sleep 1; ${CRASH}`,
    plan: (_boot, at) => ({ clock: [{ at: at(300 * MS), jump: 10 * MS }] }),
  },
  {
    name: "debian/timer/small-jump-is-borne",
    run: `sleep 1`,
    plan: (_boot, at) => ({ clock: [{ at: at(300 * MS), jump: 10 * MS }] }),
  },
  { name: "debian/timer/own-deadline", run: "timeout 1 sleep 3 || exit 9" },
  { name: "debian/timer/hang", run: `echo 1 > ${HUNG}; ${provoke("hang")}`, cycles: 4 * S },
];

const HARTS: readonly DebianSpecimen[] = [
  {
    name: "debian/cpu/code-flips",
    run: "sleep 1; cat /proc/uptime",
    plan: (boot, at) => ({
      memory: [{ at: at(300 * MS), address: boot.physical("uptime_proc_show") + 4, bit: 0 }],
    }),
  },
  {
    name: "debian/cpu/withheld-is-borne",
    run: "sha256sum /bin/busybox",
    plan: (_boot, at) => ({ hart: [{ hart: 0, at: at(20 * MS), for: 20 * MS }] }),
  },
  {
    name: "debian/cpu/withheld-and-own-bug",
    run: `sleep 1; ${provoke("bug")}`,
    plan: (_boot, at) => ({ hart: [{ hart: 0, at: at(300 * MS), for: 10 * MS }] }),
  },
  { name: "debian/cpu/own-bug", run: provoke("bug") },
  { name: "debian/cpu/own-vector", run: provoke("vector"), cycles: 4 * MS },
  { name: "debian/cpu/own-deafness", run: provoke("deaf"), cycles: 1 * S },
  {
    name: "debian/cpu/own-lockup",
    run: `${LOCKUP}; ${provoke("lockup")}`,
  },
];

const MEMORY: readonly DebianSpecimen[] = [
  {
    name: "debian/memory/flip-in-a-file",
    run: `sleep 1; grep -q '${NOTE}' /root/note || exit 10`,
    plan: (boot, at) => ({
      memory: [{ at: at(300 * MS), address: boot.addressOf(NOTE) + 3, bit: 1 }],
    }),
  },
  {
    name: "debian/memory/flip-in-a-pointer",
    run: "sleep 1; sync",
    cycles: 2 * S,
    plan: (boot, at) => ({
      memory: [{ at: at(300 * MS), address: boot.physical("super_blocks") + 5, bit: 2 }],
    }),
  },
  {
    name: "debian/memory/flip-elsewhere-and-own-null",
    run: `sleep 1; ${provoke("null")}`,
    plan: (boot, at) => ({
      memory: [{ at: at(300 * MS), address: boot.physical("sysrq_handle_reboot"), bit: 2 }],
    }),
  },
  { name: "debian/memory/own-null", run: provoke("null") },
  { name: "debian/memory/own-overrun", run: provoke("overrun") },
  { name: "debian/memory/exhausted", run: "tail /dev/zero; exit 0" },
  {
    name: "debian/memory/exhausted-panics",
    run: "echo 1 > /proc/sys/vm/panic_on_oom; tail /dev/zero",
  },
];

const CONSOLES: readonly DebianSpecimen[] = [
  {
    name: "debian/console/stall",
    run: ASK,
    typed: [{ at: 500 * MS, text: "yes" }],
    plan: (_boot, at) => ({ console: [{ device: "uart0", from: at(400 * MS), for: 5 * S }] }),
  },
  {
    name: "debian/console/lost-interrupt",
    run: ASK,
    typed: [{ at: 500 * MS, text: "yes" }],
    plan: (_boot, at) => ({ interrupt: [{ ...UART, fault: "lost", at: at(450 * MS) }] }),
  },
  {
    name: "debian/console/short-stall-is-borne",
    run: ASK,
    typed: [{ at: 500 * MS, text: "yes" }],
    plan: (_boot, at) => ({ console: [{ device: "uart0", from: at(400 * MS), for: 300 * MS }] }),
  },
  {
    name: "debian/console/stall-and-own-crash",
    run: `${ASK}; ${CRASH}`,
    typed: [{ at: 500 * MS, text: "yes" }],
    plan: (_boot, at) => ({ console: [{ device: "uart0", from: at(400 * MS), for: 300 * MS }] }),
  },
  {
    name: "debian/console/asks-for-two",
    run: `${ASK}; ${ASK}`,
    typed: [{ at: 500 * MS, text: "yes" }],
  },
];

const PLATFORM: readonly DebianSpecimen[] = [
  {
    name: "debian/platform/lost-disk-interrupt",
    run: `echo 1 > ${HUNG}; readlink /mnt/link`,
    cycles: 6 * S,
    plan: (_boot, at) => ({ interrupt: [{ ...DISK, fault: "lost", at: at(1) }] }),
  },
  {
    name: "debian/platform/spurious-disk-interrupt-is-borne",
    run: "cat /mnt/file > /dev/null",
    plan: (_boot, at) => ({ interrupt: [{ ...DISK, fault: "spurious", at: at(2 * MS) }] }),
  },
  {
    name: "debian/platform/spurious-interrupt-and-own-reset",
    run: "sleep 1; reboot -f",
    plan: (_boot, at) => ({ interrupt: [{ ...UART, fault: "spurious", at: at(300 * MS) }] }),
  },
  { name: "debian/platform/absent-device", run: "devmem 0x40000000 32" },
  { name: "debian/platform/reset", run: "reboot -f" },
];

const WHOLE: readonly DebianSpecimen[] = [
  { name: "debian/whole/sound", run: "cd /mnt && sha256sum -c /root/sums" },
  { name: "debian/whole/crash", run: CRASH },
  { name: "debian/whole/warning", run: provoke("warn") },
  { name: "debian/whole/panic", run: provoke("panic") },
  { name: "debian/whole/stack", run: provoke("stack") },
  {
    name: "debian/whole/program-dies",
    run: "sh -c 'kill -SEGV $$'",
  },
  { name: "debian/whole/init-dies", run: KILL_INIT },
  {
    name: "debian/whole/crash-among-faults",
    run: `sleep 1; cat /mnt/file > /dev/null; ${CRASH}`,
    plan: (boot, at) => ({
      clock: [{ at: at(300 * MS), jump: MS }],
      hart: [{ hart: 0, at: at(400 * MS), for: 3 * MS }],
      memory: [{ at: at(500 * MS), address: boot.physical("sysrq_handle_reboot"), bit: 4 }],
      disk: [{ disk: "disk0", fault: "latency", nth: 1, delay: 5 * MS }],
    }),
  },
  {
    name: "debian/whole/answer-comes-otherwise",
    run: `${READ_RAW} | sha256sum`,
    log: (entries, fork) => entries.map((entry) => entry.cycle > fork ? changed(entry) : entry),
  },
];

/** A byte that the device has not passed on as it was recorded. */
function changed(entry: LogEntry): LogEntry {
  if (entry.kind !== "input" || entry.input.kind !== "disk" || !entry.input.bytes) return entry;
  const bytes = entry.input.bytes.slice();
  bytes[8] ^= 1;
  return { ...entry, input: { ...entry.input, bytes } };
}

export const DEBIAN: readonly DebianSpecimen[] = [
  ...DISKS,
  ...NICS,
  ...TIMERS,
  ...HARTS,
  ...MEMORY,
  ...CONSOLES,
  ...PLATFORM,
  ...WHOLE,
];
