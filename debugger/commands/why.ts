/** `why`: where a value comes from. */
import { z } from "zod";
import { disassemble } from "../../core/isa/disassemble.ts";
import type { Arrived } from "../../replay/provenance/arrivals.ts";
import type { Place } from "../../replay/provenance/place.ts";
import {
  type Origin,
  type Provenance,
  provenance,
  type Step,
} from "../../replay/provenance/provenance.ts";
import { command, type Json, parameter } from "../command.ts";
import { CommandError, type Debugger } from "../debugger.ts";
import { hex } from "../number.ts";
import { standardName } from "../register_names.ts";
import { closeAll, type Sender, sendersOf } from "../senders.ts";
import { placeText } from "../symbols/symbols.ts";

const SIZE_MAX = 64;
const STEPS_MAX = 1000;

export const why = command({
  name: "why",
  summary: "follows a register or memory backward to where its value comes from",
  parameters: z.object({
    what: parameter.address.describe("a register, or an address"),
    size: parameter.length(SIZE_MAX).describe(`bytes of memory, at most ${SIZE_MAX}`).default(8),
    steps: parameter.length(STEPS_MAX).describe(`writers to follow, at most ${STEPS_MAX}`)
      .optional(),
    hart: parameter.hart,
  }),
  effect: "reads",
  async run(debug, { what, size, steps, hart }, signal) {
    const of = debug.hartOr(hart);
    const place = placeOf(debug, of, what, size);
    const found = await provenance(debug.cursor, place, {
      entries: debug.events ?? [],
      steps,
      signal,
    });
    const senders = await sendersOf(debug, found, { steps, signal });
    try {
      return {
        text: [...text(debug, found), ...senders.flatMap(senderText)].join("\n"),
        data: {
          cycle: debug.cursor.cycle,
          ...data(debug, found),
          ...(senders.length > 0 && { senders: senders.map(senderData) }),
        },
      };
    } finally {
      closeAll(senders);
    }
  },
});

function text(debug: Debugger, found: Provenance): string[] {
  return [...lines(debug, found), ...found.cut.map((what) => `not followed: ${what}`)];
}

function data(debug: Debugger, { steps, cut }: Provenance) {
  return { steps: steps.map((step) => stepData(debug, step)), cut: [...cut] };
}

function senderText({ guest, frame, cycle, debug, found, senders }: Sender): string[] {
  const head = `${frame} left ${guest} in cycle ${cycle}:`;
  return [head, ...text(debug, found), ...senders.flatMap(senderText)];
}

function senderData({ guest, frame, cycle, debug, found, senders }: Sender): Json {
  return { guest, frame, cycle, ...data(debug, found), senders: senders.map(senderData) };
}

const REGISTER = /^([xf])(\d|[12]\d|3[01])$/;

function placeOf(debug: Debugger, hart: number, what: string, sizeBytes: number): Place {
  const name = standardName(what.replace(/^\$/, ""));
  if (REGISTER.test(name)) return { kind: "register", hart, name, offset: 0, sizeBytes: 8 };
  const address = debug.address(what, hart);
  const pieces = debug.pieces(hart, address, sizeBytes);
  const [piece, ...rest] = pieces ?? [];
  if (!piece || !debug.readMemory(hart, address, sizeBytes)) {
    throw new CommandError(`${sizeBytes} bytes at ${hex(address)} are not all in memory`);
  }
  if (rest.length > 0) {
    throw new CommandError(`${hex(address)}: give an address and size in one page`);
  }
  return { kind: "memory", ...piece };
}

// Each step under the one that leads to it; what is copied on and on stays in one column.
function lines(debug: Debugger, { steps }: Provenance): string[] {
  const out: string[] = [];
  const shown = new Set<number>();
  const show = (index: number, depth: number) => {
    const step = steps[index];
    const indent = "  ".repeat(depth);
    if (shown.has(index)) {
      out.push(`${indent}${placeName(step.place)}: as above`);
      return;
    }
    shown.add(index);
    out.push(`${indent}${stepText(debug, step, index)}`);
    const inner = step.from.length > 1 ? depth + 1 : depth;
    for (const next of step.from) show(next, inner);
  };
  const led = new Set(steps.flatMap(({ from }) => from));
  steps.forEach((_, index) => {
    if (!led.has(index)) show(index, 0);
  });
  return out;
}

function stepText(debug: Debugger, step: Step, index: number): string {
  const when = step.cycle === undefined ? "" : `cycle ${step.cycle}: `;
  const caller = index === 0 && "ra" in step.origin ? debug.place(step.origin.ra) : undefined;
  return `${when}${placeName(step.place)} = ${hex(step.value)}, ${originText(debug, step.origin)}` +
    (caller ? `, in a call from <${placeText(caller)}>` : "");
}

function placeName(place: Place): string {
  if (place.kind === "memory") return `${place.sizeBytes} bytes at physical ${hex(place.address)}`;
  const { offset, sizeBytes, name, hart } = place;
  const bytes = sizeBytes === 8
    ? ""
    : sizeBytes === 1
    ? ` byte ${offset}`
    : ` bytes ${offset} to ${offset + sizeBytes - 1}`;
  return `${name}${bytes} of hart ${hart}`;
}

const VERBS = {
  copy: "copied",
  computed: "computed",
  constant: "made",
} as const;

function originText(debug: Debugger, origin: Origin): string {
  switch (origin.kind) {
    case "copy":
    case "computed":
    case "constant":
    case "csr":
    case "device-register": {
      const { hart, pc, word } = origin;
      const by = `by hart ${hart} at ${debug.describe(pc)}: ${disassemble(word, pc)}`;
      const what = origin.kind === "csr"
        ? `read from ${origin.csr}`
        : origin.kind === "device-register"
        ? `read from a device at ${hex(origin.address)}${takenText(origin.arrived)}`
        : VERBS[origin.kind];
      return `${what} ${by}`;
    }
    case "input": {
      const { id, kind, byte, sector, sectorByte, sent } = origin.arrived;
      const where = sector !== undefined
        ? `sector ${sector}, byte ${sectorByte}`
        : `byte ${byte ?? "?"} of a ${kind}`;
      return `came from outside: ${where}, ${id}${sent ? `, sent as ${sent}` : ""}`;
    }
    case "device":
      return `written by ${origin.device} itself`;
    case "walk":
      return `an A or D bit, set by a page walk of hart ${origin.hart}`;
    case "reset":
      return "there since reset";
    case "cut":
      return `not followed: ${origin.why}`;
  }
}

function takenText(arrived: Arrived | undefined): string {
  return arrived ? ` (byte ${arrived.byte} of a ${arrived.kind} input, ${arrived.id})` : "";
}

function stepData(debug: Debugger, { place, value, cycle, origin, from }: Step): Json {
  return {
    place: { ...place, ...(place.kind === "memory" && { address: hex(place.address) }) },
    value: hex(value),
    cycle: cycle ?? null,
    origin: originData(debug, origin),
    from: [...from],
  };
}

function originData(debug: Debugger, origin: Origin): Json {
  if (origin.kind === "input") return { ...origin, arrived: { ...origin.arrived } };
  if (!("pc" in origin)) return { ...origin };
  const { pc, word, ra, ...rest } = origin;
  const symbol = debug.place(pc);
  const caller = debug.place(ra);
  return {
    ...rest,
    ...("address" in rest && { address: hex(rest.address) }),
    pc: hex(pc),
    symbol: symbol && placeText(symbol),
    instruction: disassemble(word, pc),
    ra: hex(ra),
    caller: caller && placeText(caller),
  };
}
