/** How a recording ended. Source: FORMAT.md, "END". */
import type { LogConclusion, LogEnd } from "../log.ts";
import { decodeCbor, encodeCbor, Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";

export function encodeEnd({ end, instructions }: LogConclusion): Uint8Array {
  return encodeCbor([instructions ?? 0, end.reason, ...detailsOf(end)]);
}

function detailsOf(end: LogEnd): unknown[] {
  if (end.reason === "power") return [end.power.action, end.power.code];
  return end.reason === "signal" ? [end.signal] : [];
}

export function decodeEnd(payload: Uint8Array, endCycle: number): LogConclusion {
  const fields = new Fields(decodeCbor(payload, "the end"), "the end");
  const instructions = fields.whole();
  const end = endOf(fields.text(/^[a-z-]{1,32}$/), fields);
  fields.end();
  return { endCycle, end, instructions };
}

function endOf(reason: string, fields: Fields): LogEnd {
  switch (reason) {
    case "power": {
      const action = fields.text(/^(poweroff|reset|fail)$/) as "poweroff" | "reset" | "fail";
      return { reason, power: { kind: "power", action, code: fields.whole(65535) } };
    }
    case "signal":
      return { reason, signal: fields.text(/^SIG[A-Z0-9]{1,13}$/) };
    case "until":
    case "stuck":
    case "left":
      return { reason };
    default:
      throw new FormatError(`end "${reason}": this build does not know it`);
  }
}
