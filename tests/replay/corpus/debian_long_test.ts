/** Debian's cases: what fails is found and named, no innocent event is convicted, and the sides are right. */
import { assert, assertEquals } from "@std/assert";
import { preparedGuest } from "../../guests/debian/prepared.ts";
import { hasPeer } from "../../peer.ts";
import { debianScores } from "./debian_scores.ts";
import { matrixText } from "./matrix.ts";
import { DEBIAN } from "./rows/debian.ts";
import type { Score } from "./score.ts";

/** Of the sides. */
const RIGHT_MIN = 0.9;

/** What the kernel failed of: told from its state. */
const FAILURES: Readonly<Record<string, RegExp>> = {
  "debian/disk/file-cannot-be-read": /^io-error: disk0: a read of \d+ bytes at \d+ fails with EIO/,
  "debian/disk/inode-cannot-be-read": /^file-system-error: .* error 5 in __ext4_get_inode_loc/,
  "debian/timer/hang": /^hung-task: insmod waits/,
  "debian/cpu/own-bug": /^bug: Kernel BUG at bug \[provoke\]/,
  "debian/cpu/own-vector": /^double-fault: the trap vector itself traps: instruction page fault/,
  "debian/cpu/own-deafness": /^asleep: the hart waits .* all interrupts from outside disabled/,
  "debian/cpu/own-lockup": /^soft-lockup: insmod lets nobody else run on hart 0/,
  "debian/memory/own-null":
    /^oops: Oops: load page fault, address 0x8, at show \[provoke\].*trigger: null_pointer \[provoke\]/,
  "debian/memory/own-overrun":
    /^oops: Oops: load page fault.* at show \[provoke\].*trigger: name_panel \[provoke\]/,
  "debian/memory/exhausted": /^out-of-memory: Out of memory: tail must go/,
  "debian/memory/exhausted-panics": /^panic: Out of memory/,
  "debian/platform/lost-disk-interrupt": /^hung-task: readlink waits/,
  "debian/platform/absent-device": /^program-killed: devmem was ended by SIG(BUS|SEGV)/,
  "debian/platform/reset": /^reset: /,
  "debian/whole/crash": /^panic: sysrq triggered crash/,
  "debian/whole/warning": /^warning: WARN at warn \[provoke\]\+0x\w+ \(provoke.c:\d+\)/,
  "debian/whole/panic": /^panic: provoke: no answer after 3 tries/,
  "debian/whole/stack": /^double-fault: kernel stack overflow at deeper \[provoke\]/,
  "debian/whole/program-dies": /^program-killed: sh was ended by SIGSEGV/,
  "debian/whole/init-dies": /^program-killed: init was ended by SIGILL/,
};

/** What the guest made of it, and how it came to it. */
const STORIES: Readonly<Record<string, RegExp>> = {
  "debian/disk/file-cannot-be-read": /^tolerated; .*; cat: (sendfile|read) fails with EIO$/,
  "debian/disk/inode-cannot-be-read": /^degraded; .*; ext4 lets nothing be written any more/,
  "debian/cpu/own-bug":
    / < handle_exception\+0x\w+ < bug \[provoke\]\+0x\w+ < init_module \[provoke\]\+0x\w+ < do_one_initcall/,
  "debian/cpu/own-lockup": /^mishandled; .* < lockup \[provoke\].*; softlockup: hung tasks/,
  "debian/memory/own-null":
    /^mishandled; find \[provoke\].*; null_pointer \[provoke\].*; show \[provoke\].* traps; oops/,
  "debian/whole/init-dies": /^mishandled; .*; Attempted to kill init! exitcode=0x00000004/,
};

Deno.test("triage is right about Debian, names what failed, and convicts no bystander", async () => {
  const guest = await preparedGuest();
  const compiler = ["riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"] as const;
  if (guest === undefined || !(await hasPeer(...compiler))) return;
  const scores: Score[] = [];
  for await (const score of debianScores(guest, DEBIAN)) scores.push(score);
  console.log(matrixText(scores));
  const of = (name: string) => scores.find((score) => score.name === name)!;
  for (const [name, failure] of Object.entries(FAILURES)) {
    assert(failure.test(of(name).text), `${name}: ${of(name).text}`);
  }
  for (const [name, story] of Object.entries(STORIES)) {
    assert(story.test(of(name).story), `${name}: ${of(name).story}`);
  }
  const convicted = scores.filter(({ isInnocentConvicted }) => isInnocentConvicted);
  assertEquals(convicted.map(({ name }) => name), []);
  const wrong = scores.filter(({ isRight }) => !isRight).map(({ name, side, text }) =>
    `${name}: ${side}; ${text}`
  );
  assert(wrong.length <= (1 - RIGHT_MIN) * scores.length, wrong.join("\n"));
});
