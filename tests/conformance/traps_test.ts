/**
 * Every exception with its trap value, delegation, vectors, interrupt priorities, and what mstatus
 * makes illegal. Values come from QEMU 7.2; where the specification differs the case says so.
 * Source: RISC-V privileged specification, 3.1, 3.3, 12.1.
 */
import { assertEquals } from "@std/assert";
import { hasPeer } from "../peer.ts";
import { compare, FREE, type GuestCase, MTIMECMP, runGuestCases } from "./guest_cases.ts";
import { OUR_MACHINES, runOnQemu } from "./machines.ts";

const UNMAPPED = 0x60_0000;
const CLINT = 0x200_0000;

/** A case that runs its text in each of the three modes. */
const inAllModes = (name: string, text: string, setup = ""): GuestCase[] =>
  ["M", "S", "U"].map((mode) => ({
    name: `${name} in ${mode}`,
    text: `${setup}\nenter ${mode}, at_$\nat_$: ${text}\nleave`,
  }));

/** In machine mode; QEMU departs. */
const misaligned = (text: string, values: bigint[], because: string) => [{
  name: `misaligned ${text}`,
  text: `li a0, ${FREE + 2}\nla s11, out_$\nla a3, at_$\nmv s9, s10
    at_$: ${text}
    out_$: mv s10, s9\ncsrr a1, mcause\ncsrr a2, mtval\nshow a1\nshow a2`,
  instead: { values: () => values, because },
}];

const EXCEPTIONS: readonly GuestCase[] = [
  ...inAllModes("ecall", "ecall"),
  ...inAllModes("unimp", ".word 0xc0001073"), // csrrw to a read-only counter
  ...inAllModes("illegal instruction of 32 bits", ".word 0x0000100b"),
  ...inAllModes("illegal instruction of 16 bits", ".half 0x0000"),
  ...inAllModes("reserved compressed instruction", ".half 0x8002"),
  ...inAllModes("load access fault", `li a0, ${UNMAPPED + 8}\nlw a1, 0(a0)`),
  ...inAllModes("store access fault", `li a0, ${UNMAPPED + 8}\nsw a1, 0(a0)`),
  ...inAllModes("amo access fault", `li a0, ${UNMAPPED + 8}\namoadd.w a1, a1, (a0)`).map((
    each,
  ) => ({
    ...each,
    instead: {
      values: ([_, ...rest]: readonly bigint[]) => [7n, ...rest],
      because: "AMO raises store/AMO exceptions (privileged, 3.1.15)",
    },
  })),
  ...inAllModes("lr access fault", `li a0, ${UNMAPPED + 8}\nlr.w a1, (a0)`),
  ...inAllModes("instruction access fault", `li a0, ${UNMAPPED + 8}\njalr ra, 0(a0)`),
  ...inAllModes("misaligned lr.w", `li a0, ${FREE + 2}\nlr.w a1, (a0)`),
  ...inAllModes("misaligned lr.d", `li a0, ${FREE + 4}\nlr.d a1, (a0)`),
  ...inAllModes("mret", "mret"),
  ...inAllModes("csr of machine mode", "csrrs a0, mscratch, zero"),
  ...inAllModes("csr of supervisor mode", "csrrs a0, sscratch, zero"),
  ...inAllModes("write to a read-only csr", "csrrw a0, cycle, a1"),
  ...inAllModes("write to a read-only csr of machine mode", "csrrw a0, mhartid, a1"),
  ...inAllModes("sfence.vma", "sfence.vma zero, zero"),
  ...inAllModes("fence.i", "fence.i"),
  ...inAllModes("jump to an odd address", "la a0, odd_$\njalr ra, 1(a0)\nodd_$: addi a1, a1, 0"),
  ...misaligned(
    "amoadd.w a1, a2, (a0)",
    [6n, BigInt(FREE + 2)],
    "AMO raises store/AMO exceptions (privileged, 3.1.15)",
  ),
  ...misaligned(
    "sc.w a1, a2, (a0)",
    [6n, BigInt(FREE + 2)],
    "an SC must be aligned even if it fails (unprivileged, A)",
  ),
  ...["lw", "lwu", "ld", "lh", "lhu"].map((load): GuestCase => ({
    name: `misaligned ${load}`,
    text: `li a0, ${FREE + 1}\nli a1, 0x8182838485868788\nsd a1, -1(a0)\nsd a1, 7(a0)
      ${load} a2, 0(a0)\nshow a2`,
  })),
  ...["sh", "sw", "sd"].map((store): GuestCase => ({
    name: `misaligned ${store}`,
    text: `li a0, ${FREE + 3}\nli a1, 0x8182838485868788\nsd zero, -3(a0)\nsd zero, 5(a0)
      ${store} a1, 0(a0)\nld a2, -3(a0)\nld a3, 5(a0)\nshow a2\nshow a3`,
  })),
];

/** Delegated exceptions go to S from S and U, never from M. */
const DELEGATION: readonly GuestCase[] = [
  ["illegal instruction", 2, ".half 0x0000"],
  ["breakpoint", 3, "ebreak"],
  ["load access fault", 5, `li a0, ${UNMAPPED}\nld a1, 0(a0)`],
  ["store access fault", 7, `li a0, ${UNMAPPED}\nsd a1, 0(a0)`],
  ["instruction access fault", 1, `li a0, ${UNMAPPED}\njalr ra, 0(a0)`],
  ["misaligned lr", 4, `li a0, ${FREE + 1}\nlr.d a1, (a0)`],
  ["environment call", 8, "ecall"],
].flatMap(([name, cause, text]) =>
  inAllModes(
    `delegated ${name}`,
    `${text}`,
    `li a0, ${1 << Number(cause)}\ncsrw medeleg, a0`,
  )
).filter(({ name }) => !name.startsWith("delegated breakpoint"));

const QUIET = `li a0, ${CLINT}\nsw zero, 0(a0)\nli a0, ${MTIMECMP}\nli a1, -1\nsd a1, 0(a0)`;

/** QEMU 7.2 without AIA takes the pending interrupt with the lowest number. */
function departure(name: string): Pick<GuestCase, "instead"> {
  const because = "MEI, MSI, MTI, SEI, SSI, STI in this order (privileged, 3.1.9)";
  if (name.startsWith("SEI over SSI")) {
    return { instead: { values: ([_, ...rest]) => [(1n << 63n) | 9n, ...rest], because } };
  }
  if (name.startsWith("MTI over SSI")) {
    return { instead: { values: ([_, ...rest]) => [(1n << 63n) | 7n, ...rest], because } };
  }
  return {};
}

/** Each asks for interrupts in `mip` by hand or through the CLINT and looks which one comes. */
const interrupt = (name: string, mode: string, ...setup: string[]): GuestCase => ({
  ...departure(name),
  name: `interrupt: ${name}, in ${mode}`,
  text: `la s11, quiet_$\n${setup.join("\n")}
    enter ${mode}, at_$\nat_$: nop\nnop\nnop\nleave\nquiet_$: ${QUIET}`,
});
const SSIP = "li a0, 2\ncsrs mip, a0";
const STIP = "li a0, 0x20\ncsrs mip, a0";
const SEIP = "li a0, 0x200\ncsrs mip, a0";
const MSIP = `li a0, ${CLINT}\nli a1, 1\nsw a1, 0(a0)`;
const MTIP = `li a0, ${MTIMECMP}\nsd zero, 0(a0)`;
const ALL_ENABLED = "li a0, 0xaaa\ncsrw mie, a0";
const MPIE = "li a0, 0x80\ncsrs mstatus, a0";
const DELEGATE_ALL = "li a0, 0x222\ncsrw mideleg, a0";
const SIE = "li a0, 2\ncsrs mstatus, a0";

const INTERRUPTS: readonly GuestCase[] = [
  ...["M", "S", "U"].flatMap((mode) => [
    interrupt("SSI", mode, SSIP, ALL_ENABLED, MPIE),
    interrupt("STI before MIE", mode, STIP, ALL_ENABLED),
    interrupt("SEI over SSI over STI", mode, SSIP, STIP, SEIP, ALL_ENABLED, MPIE),
    interrupt("SSI over STI", mode, SSIP, STIP, ALL_ENABLED, MPIE),
    interrupt("delegated SSI", mode, DELEGATE_ALL, SSIP, ALL_ENABLED, MPIE),
    interrupt("delegated, SIE", mode, DELEGATE_ALL, STIP, SIE, ALL_ENABLED, MPIE),
    interrupt("delegated, not enabled", mode, DELEGATE_ALL, SSIP, MPIE),
    interrupt(
      "delegated, vectored",
      mode,
      DELEGATE_ALL,
      "la a0, supervisor_trap\naddi a0, a0, 1\ncsrw stvec, a0",
      SEIP,
      SIE,
      ALL_ENABLED,
    ),
    interrupt(
      "vectored",
      mode,
      "la a0, machine_trap\naddi a0, a0, 1\ncsrw mtvec, a0",
      STIP,
      ALL_ENABLED,
      MPIE,
    ),
    interrupt(
      "none of those delegated in M, MSI",
      mode,
      DELEGATE_ALL,
      SEIP,
      MSIP,
      ALL_ENABLED,
      MPIE,
    ),
    interrupt("MTI over SSI", mode, MTIP, SSIP, ALL_ENABLED, MPIE),
    interrupt("MSI over MTI", mode, MTIP, MSIP, ALL_ENABLED, MPIE),
  ]),
  {
    name: "exceptions do not use the vector",
    text: "la a0, machine_trap\naddi a0, a0, 1\ncsrw mtvec, a0\necall",
  },
  {
    name: "mip shows what the CLINT does",
    text: `${MSIP}\ncsrr a2, mip\nshow a2\n${MTIP}\nnop\ncsrr a2, mip\nshow a2\n${QUIET}
      csrr a2, mip\nshow a2`,
  },
];

/** What bits of mstatus and the counter enables make illegal. */
const BITS = { TVM: 1 << 20, TW: 1 << 21, TSR: 1 << 22, FS: 3 << 13 };
const set = (bits: number) => `li a0, ${bits}\ncsrs mstatus, a0`;
const clear = (bits: number) => `li a0, ${bits}\ncsrc mstatus, a0`;
const enable = (csr: string, value: number | string) => `li a0, ${value}\ncsrw ${csr}, a0`;
const status = (name: string, text: string): GuestCase => ({
  name,
  text: `${text}\ncsrr a1, mstatus\nshow a1`,
});

const CONTROLS: readonly GuestCase[] = [
  ...inAllModes("TVM: read of satp", "csrrs a0, satp, zero", set(BITS.TVM)),
  ...inAllModes("TVM: write of satp", "csrrw zero, satp, zero", set(BITS.TVM)),
  ...inAllModes("TVM: sfence.vma", "sfence.vma zero, zero", set(BITS.TVM)),
  ...inAllModes("TSR: sret", "sret", `${set(BITS.TSR)}\nla a0, at_$\naddi a0,a0,4\ncsrw sepc, a0`),
  ...inAllModes(
    "TW: wfi",
    "wfi",
    `${set(BITS.TW)}\n${SSIP}\nli a0, 2\ncsrw mie, a0\n${DELEGATE_ALL}`,
  )
    .filter(({ name }) => !name.endsWith(" M")),
  ...inAllModes("FS off: fadd.s", "fadd.s ft0, ft0, ft0", clear(BITS.FS)),
  ...inAllModes("FS off: fld", `li a0, ${FREE}\nfld ft0, 0(a0)`, clear(BITS.FS)),
  ...inAllModes("FS off: fsd", `li a0, ${FREE}\nfsd ft0, 0(a0)`, clear(BITS.FS)),
  ...inAllModes("FS off: fmv.x.d", "fmv.x.d a0, ft0", clear(BITS.FS)),
  ...inAllModes("FS off: read of fcsr", "csrrs a0, fcsr, zero", clear(BITS.FS)),
  ...inAllModes("FS off: c.fldsp", "c.fldsp fa0, 0(sp)", clear(BITS.FS)),
  ...inAllModes("dynamic rounding mode 5", "fadd.s ft0, ft0, ft0", "csrrwi zero, frm, 5"),
  ...inAllModes("dynamic rounding mode 7", "fsqrt.d ft0, ft0", "csrrwi zero, frm, 7"),
  ...inAllModes("static mode beside frm 6", "fadd.s ft0, ft0, ft0, rtz", "csrrwi zero, frm, 6"),
  ...inAllModes("static rounding mode 5", ".word 0x0000d053"),
  status("FS clean: fmv.d.x makes it dirty", `${clear(2 << 13)}\nfmv.d.x ft0, zero`),
  status("FS initial: fld makes it dirty", `${clear(2 << 13)}\nli a0, ${FREE}\nfld ft0, 0(a0)`),
  status("FS clean: fsd leaves it", `${clear(1 << 13)}\nli a0, ${FREE}\nfsd ft0, 0(a0)`),
  status("FS clean: a write of fflags makes it dirty", `${clear(1 << 13)}\ncsrrwi zero, fflags, 1`),
  status(
    "FS off: a trapping instruction leaves it",
    `${clear(BITS.FS)}\nla s11, at_$
    fadd.d ft0, ft0, ft0\nat_$: nop`,
  ),
  ...["cycle", "time", "instret", "hpmcounter3", "hpmcounter31"].flatMap((csr) =>
    [["0", "0"], ["-1", "0"], ["0", "-1"], ["-1", "-1"], ["5", "2"]].flatMap(([m, s]) =>
      inAllModes(
        `mcounteren ${m}, scounteren ${s}: ${csr}`,
        `csrrs a0, ${csr}, zero`,
        `${enable("mcounteren", m)}\n${enable("scounteren", s)}`,
      )
    )
  ),
  ...[["0", "0"], ["-1", "0"], ["0", "0x8000000000000000"], ["2", "0x8000000000000000"]].flatMap((
    [counters, environment],
  ) =>
    inAllModes(
      `mcounteren ${counters}, menvcfg ${environment}: stimecmp`,
      "csrrs a0, stimecmp, zero",
      `${enable("mcounteren", counters)}\n${enable("menvcfg", environment)}`,
    )
  ),
];

/** Sstc, and the counters that may be written. */
const STCE = "li a0, 0x8000000000000000\ncsrw menvcfg, a0";
const showMip = "csrr a1, mip\nshow a1";
const COUNTERS: readonly GuestCase[] = [
  {
    name: "stimecmp in the past raises STIP",
    text: `${STCE}\ncsrw stimecmp, zero\nnop\n${showMip}`,
  },
  {
    name: "stimecmp in the future clears STIP",
    text: `${STCE}\ncsrw stimecmp, zero\nnop\nli a0, -1\ncsrw stimecmp, a0\nnop\n${showMip}`,
  },
  {
    name: "with STCE a write of mip leaves STIP",
    text: `${STCE}\nli a0, -1\ncsrw stimecmp, a0\n${STIP}\n${showMip}`,
  },
  interrupt(
    "stimecmp, delegated",
    "S",
    DELEGATE_ALL,
    STCE,
    SIE,
    ALL_ENABLED,
    "csrw stimecmp, zero",
  ),
  {
    name: "minstret counts the instructions behind its write",
    text: `li a0, 100\ncsrw minstret, a0\ncsrr a1, minstret\nnop\ncsrr a2, minstret
      show a1\nshow a2`,
    instead: {
      values: () => [100n, 102n],
      because:
        "a write takes the place of the increment (unprivileged, Zicntr); QEMU reads a clock",
    },
  },
  {
    name: "minstret does not count what traps",
    text: `la s11, at_$\nli a0, 100\nmv s9, s10\ncsrw minstret, a0\n.half 0x0000
      at_$: csrr a2, minstret\nmv s10, s9\nshow a2`,
    instead: {
      values: () => [126n], // the handler takes 26
      because: "minstret counts what retires (privileged, 3.1.10)",
    },
  },
  {
    name: "mcountinhibit stops both",
    text: `li a0, 5\ncsrw mcountinhibit, a0\nli a0, 77\ncsrw minstret, a0\ncsrw mcycle, a0\nnop\nnop
      csrr a1, minstret\ncsrr a2, mcycle\ncsrr a3, cycle\ncsrr a4, instret\ncsrw mcountinhibit, zero
      show a1\nshow a2\nshow a3\nshow a4`,
  },
];

/** Where mret and sret go and what they do to mstatus. */
const MPRV = 0x20000;
const MPP_BITS = 0x1800;
const STATUSES = [0, 0x800, 0x1800, 0x100, 0x80, 0x20, 0x8, 0x2, MPRV, 0x21800, 0x20900, 0x19aa];

const RETURNS: readonly GuestCase[] = ["mret", "sret"].flatMap((name) =>
  STATUSES.map((bits): GuestCase => {
    const leaves = name === "sret" || (bits & MPP_BITS) !== MPP_BITS;
    return {
      name: `${name} with mstatus ${bits.toString(16)}`,
      text: `${set(bits)}\nla a0, at_$\ncsrw mepc, a0\ncsrw sepc, a0\n${name}
        at_$: .half 0x0000`,
      ...leaves && (bits & MPRV) !== 0
        ? {
          instead: {
            values: (theirs) => [...theirs.slice(0, 3), theirs[3] & ~BigInt(MPRV)],
            because: "MPRV becomes 0 where the mode becomes less than M (privileged, 3.1.6.3)",
          },
        }
        : {},
    };
  })
);

for (
  const [name, cases] of Object.entries({
    EXCEPTIONS,
    DELEGATION,
    INTERRUPTS,
    CONTROLS,
    COUNTERS,
    RETURNS,
  })
) {
  Deno.test(`traps are those of QEMU or the specification: ${name.toLowerCase()}`, async () => {
    if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
    const theirs = await runGuestCases(runOnQemu, cases);
    console.log(`${cases.length} cases, ${theirs.flat().length} values`);
    for (const { name, run } of OUR_MACHINES) {
      const ours = await runGuestCases(run, cases);
      assertEquals(compare(cases, theirs, ours).join("\n"), "", name);
    }
  });
}
