/** `memory`: what is in memory. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { hex, hexBytes } from "../number.ts";

const LENGTH_MAX = 1 << 20;
const LINE_BYTES = 16;

export const memory = command({
  name: "memory",
  summary: "shows bytes of memory, as the hart sees it",
  parameters: z.object({
    address: parameter.address,
    length: parameter.length(LENGTH_MAX).default(64),
    hart: parameter.hart,
  }),
  effect: "reads",
  run(debug, { address: text, length, hart }) {
    const of = debug.hartOr(hart);
    const address = debug.address(text, of);
    const bytes = debug.readMemory(of, address, length);
    if (bytes === undefined) {
      throw new CommandError(`Cannot read ${length} bytes at ${hex(address)}: not mapped memory`);
    }
    return {
      text: dump(address, bytes),
      data: { cycle: debug.cursor.cycle, hart: of, address: hex(address), bytes: hexBytes(bytes) },
    };
  },
});

function dump(address: bigint, bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    const digits = Array.from(line, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = Array.from(
      line,
      (byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".",
    ).join("");
    lines.push(`${hex(address + BigInt(at))}  ${digits.padEnd(LINE_BYTES * 3)} ${text}`);
  }
  return lines.join("\n");
}
