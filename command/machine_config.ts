/** What `MACHINE` means on the command line and in a `--machine` file: one schema for both. */
import { dirname, resolve } from "@std/path";
import { z } from "zod";
import type { MachineOptions } from "../core/machine.ts";
import { JIT_THRESHOLD_MAX } from "../core/machine_options.ts";
import { DISK_COUNT_MAX, NIC_COUNT_MAX } from "../devices/board.ts";
import { reason, UsageError } from "./errors.ts";
import { type Flag, type Flags, suggestion } from "./flags.ts";
import { ForwardSchema, type NicRequest, NicSchema } from "./nic.ts";

const MIB = 2 ** 20;
const MEMORY_BYTES_MAX = 8 * 2 ** 30;

/** A whole number in a range; the one message says what would do. */
export function whole(min: number, max: number) {
  const error = `a whole number from ${min} to ${max} is needed`;
  return z.number({ error }).refine(
    (value) => Number.isInteger(value) && value >= min && value <= max,
    { error },
  );
}

const text = z.string({ error: "a text is needed" });

/** 256M, 1G: in units of 2^20 and 2^30 bytes. */
const memory = text.transform((value, context) => {
  const [, digits, unit] = /^(\d{1,5})([MG])$/i.exec(value) ?? [];
  const sizeBytes = Number(digits) * (unit?.toUpperCase() === "G" ? 1024 : 1) * MIB;
  if (sizeBytes >= MIB && sizeBytes <= MEMORY_BYTES_MAX) return sizeBytes;
  context.addIssue({ code: "custom", message: "a size from 1M to 8G is needed, such as 256M" });
  return z.NEVER;
});

/** 5_000_000:7 is a cycle and a seed. */
const reseed = text.transform((value, context) => {
  const [, cycle, seed] = (/^(\d[\d_]*):(\d[\d_]*)$/.exec(value) ?? [])
    .map((digits) => Number(digits.replaceAll("_", "")));
  if (Number.isSafeInteger(cycle) && seed < 2 ** 32) return { cycle, seed };
  context.addIssue({ code: "custom", message: "CYCLE:SEED is needed, a seed below 2^32" });
  return z.NEVER;
});

const jitThreshold = whole(0, JIT_THRESHOLD_MAX).refine((value) => (value & (value - 1)) === 0, {
  error: "0 or a power of two is needed",
});

/** A flag of every command that runs a machine. */
export const JIT_FLAG: Flag = {
  name: "jit-threshold",
  value: "N",
  isForTests: true,
  summary: "compile code that is jumped to N times, a power of two; 0: only interpret",
};

/** A machine as it is asked for; what is absent has a default. */
export const MachineSchema = z.strictObject({
  guest: z.enum(["pocket", "debian"], { error: "pocket or debian is needed" }),
  run: text,
  copy: z.array(text),
  bios: text,
  kernel: text,
  initrd: z.array(text),
  append: text,
  memory,
  harts: whole(1, 8),
  disk: z.array(text).max(DISK_COUNT_MAX, { error: `at most ${DISK_COUNT_MAX} disks fit` }),
  nic: z.array(NicSchema).max(NIC_COUNT_MAX, {
    error: `at most ${NIC_COUNT_MAX} network cards fit`,
  }),
  hostfwd: z.array(ForwardSchema),
  "disk-timing": z.enum(["live", "model"], { error: "live or model is needed" }),
  seed: whole(0, 2 ** 32 - 1),
  reseed: z.array(reseed),
  send: text,
  "until-cycle": whole(0, Number.MAX_SAFE_INTEGER),
  digests: text,
  faults: text,
  "tlb-entries": whole(1, 256).refine((value) => (value & (value - 1)) === 0, {
    error: "a power of two from 1 to 256 is needed",
  }),
  "tlb-flush-every": whole(1, Number.MAX_SAFE_INTEGER),
  "jit-threshold": jitThreshold,
}).partial();

export type MachineRequest = z.infer<typeof MachineSchema>;

/** The flags that describe a machine. */
export const MACHINE_FLAGS: readonly Flag[] = [
  { name: "guest", value: "pocket|debian", summary: "a guest that is known by name" },
  {
    name: "run",
    value: "COMMAND",
    summary: "a shell command for the Debian guest, then power off",
  },
  {
    name: "copy",
    value: "FILE:/PATH",
    isRepeatable: true,
    summary: "put a file into the Debian guest",
  },
  {
    name: "bios",
    value: "FILE",
    summary: "firmware: flat or ELF; `none`: start the kernel itself",
  },
  { name: "kernel", value: "FILE", summary: "Linux Image, flat or ELF" },
  {
    name: "initrd",
    value: "FILE",
    isRepeatable: true,
    summary: "initial ramdisk; several are joined",
  },
  { name: "append", value: "TEXT", summary: "the kernel's command line" },
  { name: "memory", value: "SIZE", summary: "RAM, such as 256M (default) or 4G" },
  { name: "harts", value: "N", summary: "1 to 8 harts; default 1" },
  {
    name: "disk",
    value: "FILE[,ro|,through]",
    isRepeatable: true,
    summary: "the first is vda; what the guest writes is lost, refused, or written to the file",
  },
  {
    name: "disk-timing",
    value: "live|model",
    summary: "answers as the host has them (default), or the same in every run",
  },
  {
    name: "nic",
    value: "END[,mac=ADDRESS]",
    isRepeatable: true,
    summary: "a network card: `user` (the host's network, by passt), `unix:PATH[,listen]`, `none`",
  },
  {
    name: "hostfwd",
    value: "tcp:HOSTPORT:GUESTPORT",
    isRepeatable: true,
    summary: "a port of the host's loopback that leads to the guest, through `--nic user`; or udp",
  },
  { name: "seed", value: "N", summary: "everything that is chosen follows from it; default 0" },
  {
    name: "reseed",
    value: "CYCLE:SEED",
    isRepeatable: true,
    summary: "from that cycle on, everything that is chosen follows from another seed",
  },
  { name: "send", value: "FILE", summary: "console input, line by line, instead of the terminal" },
  { name: "until-cycle", value: "N", summary: "stop there" },
  { name: "digests", value: "FILE", summary: "write `cycle digest` every 10 million cycles" },
  {
    name: "faults",
    value: "PLAN.json",
    summary: "what shall go wrong with disks, memory, interrupts, …; in a lab, with its links",
  },
  { name: "machine", value: "FILE.json", summary: "the same names in a file; flags override" },
  {
    name: "tlb-entries",
    value: "N",
    isForTests: true,
    summary: "entries of each translation cache, a power of two to 256",
  },
  {
    name: "tlb-flush-every",
    value: "N",
    isForTests: true,
    summary: "drop all cached translations every N cycles",
  },
  JIT_FLAG,
];

/** Values of these are paths, which a machine file gives from its own folder. */
export const PATHS = ["bios", "kernel", "initrd", "disk", "send", "digests", "copy", "faults"];

const NUMBERS = ["harts", "seed", "until-cycle", "tlb-entries", "tlb-flush-every", "jit-threshold"];

/** @throws UsageError naming the flag, or the file and the field */
export function machineRequest({ values }: Flags): MachineRequest {
  const machineFile = values.get("machine")?.[0];
  const request = machineFile === undefined ? {} : readMachineFile(machineFile);
  const given: Record<string, unknown> = {};
  for (const { name, isRepeatable } of MACHINE_FLAGS) {
    const texts = values.get(name);
    if (name === "machine" || texts === undefined) continue;
    const parsed = NUMBERS.includes(name) ? texts.map(numberOf) : texts;
    given[name] = isRepeatable ? parsed : parsed[0];
  }
  const result = MachineSchema.safeParse(given);
  if (!result.success) {
    const { path: [name], message } = result.error.issues[0];
    throw new UsageError(`--${String(name)} ${values.get(String(name))?.join(" ")}: ${message}`);
  }
  return { ...request, ...result.data };
}

/** The engine that {@link JIT_FLAG} asks for. @throws UsageError */
export function engineOf({ values }: Flags): MachineOptions["engine"] {
  const text = values.get(JIT_FLAG.name)?.[0];
  if (text === undefined) return undefined;
  const result = jitThreshold.safeParse(numberOf(text));
  if (result.success) return { jitThreshold: result.data };
  throw new UsageError(`--${JIT_FLAG.name} ${text}: ${result.error.issues[0].message}`);
}

function readMachineFile(file: string): MachineRequest {
  let content: unknown;
  try {
    content = JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    const problem = error instanceof SyntaxError ? `not JSON: ${error.message}` : reason(error);
    throw new UsageError(`--machine ${file}: ${problem}`);
  }
  const result = MachineSchema.safeParse(content);
  if (!result.success) {
    const issue = result.error.issues[0];
    if (issue.code === "unrecognized_keys") {
      const known = Object.keys(MachineSchema.shape);
      const [key] = issue.keys;
      throw new UsageError(`--machine ${file}: unknown field "${key}"${suggestion(key, known)}`);
    }
    const field = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    throw new UsageError(`--machine ${file}: ${field}${issue.message}`);
  }
  const fromFolder = (path: string) => path === "none" ? path : resolve(dirname(file), path);
  const nicFromFolder = (nic: NicRequest) =>
    nic.end === "unix" ? { ...nic, name: fromFolder(nic.name!) } : nic;
  return Object.fromEntries(
    Object.entries(result.data).map(([name, value]) => {
      if (name === "nic") return [name, (value as NicRequest[]).map(nicFromFolder)];
      if (!PATHS.includes(name)) return [name, value];
      return [
        name,
        Array.isArray(value)
          ? value.map((it) => fromFolder(String(it)))
          : fromFolder(String(value)),
      ];
    }),
  );
}

function numberOf(value: string): number | string {
  return /^\d[\d_]*$/.test(value) ? Number(value.replaceAll("_", "")) : value;
}
