/**
 * Calls of the supervisor binary interface that are against its rules. Source: RISC-V SBI 2.0.
 *
 * Which extensions there are, which harts, which addresses: the firmware knows it, and refuses what
 * is wrong. Its answer is the evidence. What a caller cannot know before, such as whether a platform
 * has a suspend type of its own, it may try; extensions are to be probed. Firmware that has never
 * answered a call of the base extension speaks another language.
 */
import type { Engine } from "../hart/engine.ts";
import { RUNNING_REGISTERS, X } from "../hart/layout.ts";
import { MSTATUS } from "../hart/translate.ts";
import type { Report } from "./contract.ts";

const EID = {
  legacyEnd: 0x10,
  base: 0x10,
  ipi: 0x735049,
  rfence: 0x52464e43,
  hsm: 0x48534d,
} as const;
const FID = { probeExtension: 3, hartStop: 1, hartSuspend: 3 } as const;
const ERROR = {
  notSupported: -2n,
  invalidParam: -3n,
  invalidAddress: -5n,
  available: -6n,
} as const;

interface Extension {
  readonly chapter: number;
  readonly functions: readonly string[];
  /** Whether an argument of a refused function could not be known to be wrong. */
  readonly mayTry?: (call: Call) => boolean;
}

/** An `ecall` under way. */
interface Call {
  readonly eid: number;
  readonly fid: number;
  readonly args: readonly bigint[];
  readonly pc: bigint;
}

/** What a caller can know of them, by extension ID. PMU, suspend, CPPC, NACL and STA are tried. */
const EXTENSIONS: ReadonlyMap<number, Extension> = new Map<number, Extension>([
  [0x54494d45, { chapter: 6, functions: ["set_timer"] }],
  [EID.ipi, { chapter: 7, functions: ["send_ipi"] }],
  [EID.rfence, {
    chapter: 8,
    functions: [
      "remote_fence_i",
      "remote_sfence_vma",
      "remote_sfence_vma_asid",
      "remote_hfence_gvma_vmid",
      "remote_hfence_gvma",
      "remote_hfence_vvma_asid",
      "remote_hfence_vvma",
    ],
  }],
  [EID.hsm, {
    chapter: 9,
    functions: ["hart_start", "hart_stop", "hart_get_status", "hart_suspend"],
    mayTry: ({ fid, args }) => fid === FID.hartSuspend && (low32(args[0]) & 0x7fff_ffff) >= 1 << 28,
  }],
  [0x53525354, {
    chapter: 10,
    functions: ["system_reset"],
    mayTry: ({ args }) => low32(args[0]) >= 0xf000_0000 || low32(args[1]) >= 0xe000_0000,
  }],
  [0x4442434e, {
    chapter: 12,
    functions: ["console_write", "console_read", "console_write_byte"],
  }],
]);

const REFUSALS: ReadonlyMap<bigint, string> = new Map([
  [ERROR.invalidParam, "invalid parameter"],
  [ERROR.invalidAddress, "invalid address"],
  [ERROR.available, "already available"],
]);

export class Sbi {
  readonly #calls = new Map<number, Call>();
  /** Extensions that the firmware has said it has. */
  readonly #probed = new Set<number>();
  #isSpoken = false;

  constructor(readonly engine: Engine, readonly report: Report) {}

  /** See `Observer`. */
  called(hart: number): void {
    const call = {
      eid: low32(this.#x(17)),
      fid: low32(this.#x(16)),
      args: [10, 11, 12].map((register) => this.#x(register)),
      pc: this.engine.field(hart, "mepc"),
    };
    this.#calls.set(hart, call);
    const enabled = (this.engine.field(hart, "mstatus") & MSTATUS.SIE) !== 0n;
    if (this.#isSpoken && call.eid === EID.hsm && call.fid === FID.hartStop && enabled) {
      this.#tell(hart, "9.2", "hart_stop is called while sstatus.SIE is set");
    }
  }

  /** See `Observer`. */
  returned(hart: number): void {
    const call = this.#calls.get(hart);
    this.#calls.delete(hart);
    if (!call || this.engine.field(hart, "mepc") !== call.pc + 4n) return;
    const error = BigInt.asIntN(64, this.#x(10));
    if (call.eid === EID.base) this.#learn(call, error);
    else if (this.#isSpoken && call.eid >= EID.legacyEnd) this.#judge(hart, call, error);
  }

  #learn({ fid, args }: Call, error: bigint): void {
    if (error !== 0n) return;
    this.#isSpoken = true;
    if (fid === FID.probeExtension && this.#x(11) !== 0n) this.#probed.add(low32(args[0]));
  }

  #judge(hart: number, call: Call, error: bigint): void {
    const { eid, fid, args } = call;
    const extension = EXTENSIONS.get(eid);
    const id = `0x${eid.toString(16)}`;
    if (error === ERROR.notSupported) {
      if (!this.#probed.has(eid)) {
        this.#tell(hart, "4.4", `extension ${id} is called, which is not there and was not probed`);
      } else if (extension && fid >= extension.functions.length) {
        this.#tell(hart, "3", `function ${fid} of extension ${id} is called, which no version has`);
      }
      return;
    }
    const refusal = REFUSALS.get(error);
    const name = extension?.functions[fid];
    if (!refusal || !extension || name === undefined || extension.mayTry?.(call)) return;
    // Of both extensions the hart mask is all that can be an invalid parameter.
    const isMask = error === ERROR.invalidParam && (eid === EID.ipi || eid === EID.rfence);
    const given = args.map((arg) => `0x${arg.toString(16)}`).join(", ");
    this.#tell(
      hart,
      isMask ? "3.1" : `${extension.chapter}.${fid + 1}`,
      `${name} is refused, ${refusal}: its arguments began with ${given}`,
    );
  }

  #tell(hart: number, section: string, text: string): void {
    this.report(hart, 0, `SBI 2.0, ${section}`, text);
  }

  // While a hart runs its registers are here.
  #x(register: number): bigint {
    return this.engine.u64[(RUNNING_REGISTERS + X) / 8 + register];
  }
}

function low32(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}
