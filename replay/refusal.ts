/**
 * What a program was told when a device had failed: the first system call from there on that returns
 * the error. Source: Linux, arch/riscv/kernel/traps.c, where each call ends in
 * `syscall_exit_to_user_mode(struct pt_regs *)`; include/uapi/asm-generic/unistd.h and errno-base.h.
 */
import type { Cursor } from "./cursor.ts";
import type { Names } from "./failures/witness.ts";
import { taskName } from "./failures/task.ts";

export interface Refusal {
  readonly cycle: number;
  readonly what: string;
}

const EXIT = "syscall_exit_to_user_mode";
const [A0, A7] = [10n * 8n, 17n * 8n]; // in struct pt_regs
/** All that a disk's errors are to a program. */
const EIO = 5n;
const CALLS: ReadonlyMap<bigint, string> = new Map([
  [40n, "mount"],
  [56n, "openat"],
  [61n, "getdents64"],
  [63n, "read"],
  [64n, "write"],
  [67n, "pread64"],
  [68n, "pwrite64"],
  [71n, "sendfile"],
  [78n, "readlinkat"],
  [79n, "newfstatat"],
  [81n, "sync"],
  [82n, "fsync"],
  [83n, "fdatasync"],
  [291n, "statx"],
]);
/** A program that waits for an answer does nothing else meanwhile; others may. */
const CALLS_MAX = 256;
const LATE_CYCLES = 100_000_000;

/** @returns `undefined` if no call was seen to return it */
export async function refusal(
  cursor: Cursor,
  after: number,
  names: Names,
): Promise<Refusal | undefined> {
  const exit = names.address(EXIT);
  if (exit === undefined) return undefined;
  await cursor.seek(after);
  const conditions = { breakpoints: new Set([exit]), watchpoints: [] };
  for (let calls = 0; calls < CALLS_MAX; calls++) {
    const arrival = await cursor.continue(conditions);
    if (arrival.reason !== "breakpoint" || cursor.cycle > after + LATE_CYCLES) return undefined;
    const witness = new CursorWitness(cursor, arrival.hart, names);
    const regs = cursor.readRegister(arrival.hart, "x10");
    const result = witness.u64(regs + A0);
    if (result === undefined || BigInt.asIntN(64, result) !== -EIO) continue;
    const number = witness.u64(regs + A7)!;
    const who = taskName(witness, cursor.readRegister(arrival.hart, "x4"));
    const call = CALLS.get(number) ?? `system call ${number}`;
    return { cycle: cursor.cycle, what: `${who}: ${call} fails with EIO` };
  }
  return undefined;
}

/** The kernel's memory where a cursor stands. */
class CursorWitness {
  constructor(readonly cursor: Cursor, readonly hart: number, readonly names: Names) {}

  memory(address: bigint, sizeBytes: number): Uint8Array | undefined {
    const physical = this.cursor.translate(this.hart, address, true);
    return physical === undefined ? undefined : this.cursor.readMemory(physical, sizeBytes);
  }

  u64(address: bigint): bigint | undefined {
    const bytes = this.memory(address, 8);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }
}
