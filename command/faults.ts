/** What a `--faults` plan may say of one machine; that of a lab is in `lab_schema.ts`. */
import { z } from "zod";
import { INTERRUPT_FAULTS } from "../core/fault.ts";
import { interruptSources } from "../devices/board.ts";
import type { MachineConfig } from "../devices/machine_options.ts";
import { RAM_BASE } from "../devices/memory_map.ts";
import { DISK_FAULTS, SECTOR_BYTES } from "../replay/faults/disk.ts";
import type { FaultPlan } from "../replay/faults/plan.ts";
import { UsageError } from "./errors.ts";
import { readJsonFile } from "./json_file.ts";
import { whole } from "./machine_config.ts";

const ROWS_MAX = 10_000;
const SECTOR_MAX = 2 ** 43;
const BITS_MAX = 2 ** 28;
/** 11 days, so that sums of cycles stay safe. */
const CYCLES_MAX = 1e15;

const Cycle = whole(0, CYCLES_MAX);
const Cycles = whole(1, CYCLES_MAX);

const Address = z.union([
  whole(0, Number.MAX_SAFE_INTEGER),
  z.string().regex(/^0x[0-9a-f]{1,13}$/i).transform(Number),
], { error: 'an address is needed, such as "0x80200000"' });

const Sectors = z.tuple([whole(0, SECTOR_MAX), whole(0, SECTOR_MAX)], {
  error: "the first and the last sector are needed, such as [8, 15]",
}).refine(([first, last]) => first <= last, { error: "the last sector is before the first" });

/** Which kinds of disk faults have a field. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  error: ["read-error", "write-error"],
  bytes: ["torn-write"],
  bit: ["bit-rot"],
  delay: ["latency", "reorder"],
};

const Disk = z.strictObject({
  disk: z.string().regex(/^disk\d$/, { error: "a disk is needed, such as disk0" }),
  fault: z.enum(DISK_FAULTS, { error: `one of ${DISK_FAULTS.join(", ")} is needed` }),
  sectors: Sectors.optional(),
  from: Cycle.optional(),
  nth: whole(1, CYCLES_MAX).optional(),
  times: whole(1, CYCLES_MAX).optional(),
  error: z.string().regex(/^E[A-Z0-9]{1,31}$/, { error: "an error is needed, such as EIO" })
    .optional(),
  bytes: whole(0, CYCLES_MAX).refine((bytes) => bytes % SECTOR_BYTES === 0, {
    error: `a multiple of ${SECTOR_BYTES} is needed`,
  }).optional(),
  bit: whole(0, BITS_MAX).optional(),
  delay: Cycles.optional(),
}).superRefine((row, context) => {
  for (const [field, faults] of Object.entries(FIELDS)) {
    if (row[field as keyof typeof row] === undefined || faults.includes(row.fault)) continue;
    context.addIssue({
      code: "custom",
      path: [field],
      message: `"${row.fault}" has no ${field}; ${faults.join(" and ")} ${
        faults.length > 1 ? "have" : "has"
      }`,
    });
  }
});

const Interrupt = z.strictObject({
  at: Cycle,
  device: z.string(),
  fault: z.enum(INTERRUPT_FAULTS, { error: `one of ${INTERRUPT_FAULTS.join(", ")} is needed` }),
  for: Cycles.optional(),
}).refine((row) => (row.fault === "late") === (row.for !== undefined), {
  error: '"late", and it alone, has "for": how many cycles long',
});

const rows = <Row extends z.ZodType>(row: Row) => z.array(row).max(ROWS_MAX);

export const FaultPlanSchema = z.strictObject({
  disk: rows(Disk),
  memory: rows(z.strictObject({ at: Cycle, address: Address, bit: whole(0, 7) })),
  interrupt: rows(Interrupt),
  clock: rows(z.strictObject({ at: Cycle, jump: whole(-CYCLES_MAX, CYCLES_MAX) })),
  hart: rows(z.strictObject({ at: Cycle, hart: whole(0, 7), for: Cycles })),
  console: rows(z.strictObject({ device: z.string(), from: Cycle, for: Cycles })),
  steal: z.strictObject({ seed: whole(0, 2 ** 32 - 1), from: Cycle.default(0) }),
}).partial();

export type FaultPlanRequest = z.infer<typeof FaultPlanSchema>;

/** @throws UsageError naming the file and the field */
export function readFaultPlan(file: string): FaultPlanRequest {
  return readJsonFile("faults", file, FaultPlanSchema);
}

/** The plan for a machine. @throws UsageError for what the machine does not have */
export function faultPlan(request: FaultPlanRequest, config: MachineConfig): FaultPlan {
  const { memoryBytes, harts, disks } = config;
  const sources = interruptSources(config);
  const refuse = (where: string, what: string): never => {
    throw new UsageError(`--faults: ${where}: ${what}`);
  };
  request.disk?.forEach(({ disk, sectors }, i) => {
    const found = disks[Number(disk.slice("disk".length))];
    if (found === undefined) refuse(`disk.${i}`, `the machine has no ${disk}`);
    const count = found.sizeBytes / SECTOR_BYTES;
    if (sectors && sectors[1] >= count) refuse(`disk.${i}`, `${disk} has ${count} sectors`);
  });
  request.memory?.forEach(({ address }, i) => {
    if (address >= RAM_BASE && address < RAM_BASE + memoryBytes) return;
    const end = (RAM_BASE + memoryBytes - 1).toString(16);
    refuse(`memory.${i}`, `RAM is 0x${RAM_BASE.toString(16)} to 0x${end}`);
  });
  request.hart?.forEach(({ hart }, i) => {
    if (hart >= harts) refuse(`hart.${i}`, `the machine has the harts 0 to ${harts - 1}`);
  });
  request.console?.forEach(({ device }, i) => {
    if (device !== "uart0" && device !== "console0") {
      refuse(`console.${i}`, `uart0 or console0 is needed, not "${device}"`);
    }
  });
  const interrupt = request.interrupt?.map((row, i) => {
    const known = [...sources.keys()].join(", ");
    const source = sources.get(row.device) ??
      refuse(`interrupt.${i}`, `"${row.device}" has no interrupt; these have: ${known}`);
    return { ...row, source };
  });
  const steal = request.steal && { ...request.steal, harts };
  return { ...request, interrupt, steal };
}
