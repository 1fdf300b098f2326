/** The payload of a fault that was forced upon a machine. Source: FORMAT.md, "LOG". */
import {
  CLINT_DEVICE,
  type Fault,
  type FaultInput,
  type FaultName,
  INTERRUPT_FAULTS,
  PLIC_DEVICE,
} from "../../core/fault.ts";
import { MACHINE_DEVICE } from "../../core/host.ts";
import type { Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";

const HART_MAX = 7;
const SOURCE_MAX = 1023;
const I64_MIN = -(1n << 63n);
const I64_MAX = (1n << 63n) - 1n;

/** Whom each kind of fault reaches, and its fields. */
const FAULTS: {
  readonly [Name in FaultName]: {
    readonly device: string;
    encode(fault: Extract<Fault, { fault: Name }>): unknown[];
    decode(row: Fields): Extract<Fault, { fault: Name }>;
  };
} = {
  flip: {
    device: MACHINE_DEVICE,
    encode: ({ address, bit }) => [address, bit],
    decode: (row) => ({ fault: "flip", address: row.whole(), bit: row.whole(7) }),
  },
  withhold: {
    device: MACHINE_DEVICE,
    encode: ({ hart, until }) => [hart, until],
    decode: (row) => ({ fault: "withhold", hart: row.whole(HART_MAX), until: row.whole() }),
  },
  jump: {
    device: CLINT_DEVICE,
    encode: ({ ticks }) => [ticks],
    decode: (row) => ({ fault: "jump", ticks: row.big(I64_MIN, I64_MAX) }),
  },
  interrupt: {
    device: PLIC_DEVICE,
    encode: ({ source, how, until }) => [source, how, until ?? null],
    decode: (row) => {
      const source = row.whole(SOURCE_MAX);
      const name = row.text(/^[a-z]{1,32}$/);
      const how = INTERRUPT_FAULTS.find((it) => it === name);
      if (how === undefined) throw new FormatError(`interrupt fault "${name}" is not known`);
      const until = row.optional()?.whole();
      return { fault: "interrupt", source, how, ...(until === undefined ? {} : { until }) };
    },
  },
};

export function encodeFault(input: FaultInput): unknown[] {
  const { encode } = FAULTS[input.fault] as { encode(fault: Fault): unknown[] };
  return [input.request, input.fault, ...encode(input)];
}

/** @throws FormatError if it is none, or one that this build does not know */
export function decodeFault(device: string, row: Fields): FaultInput {
  const request = row.whole();
  const name = row.text(/^[a-z]{1,32}$/);
  if (!Object.hasOwn(FAULTS, name)) {
    throw new FormatError(`fault "${name}": this build does not know it`);
  }
  const { device: reached, decode } = FAULTS[name as FaultName];
  if (device !== reached) {
    throw new FormatError(`a fault "${name}" of "${device}", which must be of "${reached}"`);
  }
  return { device, kind: "fault", request, ...decode(row) };
}
