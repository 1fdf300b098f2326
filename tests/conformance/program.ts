/** A two-pass assembler for the test guests: labels, data and a few pseudoinstructions. */
import { assemble } from "../../core/isa/assemble.ts";

/** A flat image and where its labels lie. */
export interface Program {
  readonly bytes: Uint8Array;
  readonly labels: ReadonlyMap<string, number>;
}

/** What a line becomes; `size` is known before the addresses of labels are. */
interface Item {
  readonly at: number;
  readonly sizeBytes: number;
  readonly line: string;
  emit(labels: ReadonlyMap<string, number>): Uint8Array;
}

/**
 * Assembles a program.
 *
 * Besides instructions a line may hold `label:`, `.dword a, b`, `.word a`, `.half a`, `.zero n`,
 * `.align bytes`, or `li rd, value`, `la rd, label`, `j label`, `call label`, `ret`, `nop`,
 * `mv rd, rs`, `csrr rd, csr`, `csrw csr, rs`, `csrs csr, rs`, `csrc csr, rs`. Values may be labels.
 * `#` begins a comment.
 *
 * @throws SyntaxError, RangeError naming the line
 */
export function assembleProgram(text: string, base: number): Program {
  const labels = new Map<string, number>();
  const items: Item[] = [];
  let at = base;
  for (const raw of text.split("\n")) {
    let line = raw.replace(/#.*/, "").trim();
    const label = line.match(/^(\w+):\s*/);
    if (label !== null) {
      if (labels.has(label[1])) throw new SyntaxError(`Label "${label[1]}" stands twice`);
      labels.set(label[1], at);
      line = line.slice(label[0].length);
    }
    if (line === "") continue;
    const item = parseLine(line, at);
    items.push(item);
    at += item.sizeBytes;
  }
  const bytes = new Uint8Array(at - base);
  for (const item of items) {
    try {
      bytes.set(item.emit(labels), item.at - base);
    } catch (error) {
      throw new SyntaxError(`In "${item.line}": ${(error as Error).message}`);
    }
  }
  return { bytes, labels };
}

function parseLine(line: string, at: number): Item {
  const [name, ...rest] = line.split(/\s+/);
  const operands = rest.join(" ").split(/\s*,\s*/).filter((operand) => operand !== "");
  const item = (sizeBytes: number, emit: Item["emit"]): Item => ({ at, sizeBytes, line, emit });
  const code = (...lines: string[]) =>
    item(4 * lines.length, () => words(lines.map((each) => assemble(each))));
  const data = (size: number) =>
    item(
      size * operands.length,
      (labels) => joined(operands.map((operand) => integer(value(operand, labels), size))),
    );
  switch (name) {
    case ".dword":
      return data(8);
    case ".word":
      return data(4);
    case ".half":
      return data(2);
    case ".zero":
      return item(Number(operands[0]), () => new Uint8Array(0));
    case ".align":
      return item(
        (-at % Number(operands[0]) + Number(operands[0])) % Number(operands[0]),
        () => new Uint8Array(0),
      );
    case "nop":
      return code("addi zero, zero, 0");
    case "ret":
      return code("jalr zero, 0(ra)");
    case "mv":
      return code(`addi ${operands[0]}, ${operands[1]}, 0`);
    case "csrr":
      return code(`csrrs ${operands[0]}, ${operands[1]}, zero`);
    case "csrw":
      return code(`csrrw zero, ${operands[0]}, ${operands[1]}`);
    case "csrs":
      return code(`csrrs zero, ${operands[0]}, ${operands[1]}`);
    case "csrc":
      return code(`csrrc zero, ${operands[0]}, ${operands[1]}`);
    case "li":
      return code(...loadImmediate(operands[0], BigInt.asIntN(64, parse(operands[1]))));
    case "la":
      return item(8, (labels) => {
        const offset = Number(value(operands[1], labels)) - at;
        const low = (offset << 20) >> 20;
        const high = ((offset - low) >>> 12).toString();
        return words([
          assemble(`auipc ${operands[0]}, ${high}`),
          assemble(`addi ${operands[0]}, ${operands[0]}, ${low}`),
        ]);
      });
    case "j":
    case "call":
      return relative(`jal ${name === "j" ? "zero" : "ra"},`, operands);
    default:
      if (/^(b(eq|ne|lt|ge)u?|jal)$/.test(name)) return relative(line, operands);
      if (name.startsWith("c.")) return item(2, () => integer(BigInt(assemble(line)), 2));
      return code(line);
  }

  function relative(text: string, operands: readonly string[]): Item {
    const target = operands[operands.length - 1];
    const front = /,$/.test(text) ? text : text.slice(0, text.lastIndexOf(",") + 1);
    return item(4, (labels) => words([assemble(`${front} ${Number(value(target, labels)) - at}`)]));
  }
}

/** The shortest usual sequence: lui and addiw for 32 bits, shifts for more. */
function loadImmediate(rd: string, number: bigint): string[] {
  const low = BigInt.asIntN(12, number);
  if (low === number) return [`addi ${rd}, zero, ${number}`];
  if (BigInt.asIntN(32, number) === number) {
    const upper = BigInt.asUintN(20, (number - low) >> 12n);
    return [`lui ${rd}, ${upper}`, `addiw ${rd}, ${rd}, ${low}`];
  }
  const above = BigInt.asIntN(64, number - low) >> 12n;
  return [...loadImmediate(rd, above), `slli ${rd}, ${rd}, 12`, `addi ${rd}, ${rd}, ${low}`];
}

function value(operand: string, labels: ReadonlyMap<string, number>): bigint {
  const [, name, offset = "0"] = operand.match(/^([a-zA-Z_]\w*)([+-]\d+)?$/) ?? [];
  if (name === undefined) return parse(operand);
  const at = labels.get(name);
  if (at === undefined) throw new SyntaxError(`there is no label "${name}"`);
  return BigInt(at) + BigInt(offset.replace("+", ""));
}

function parse(operand: string): bigint {
  return operand.startsWith("-") ? -BigInt(operand.slice(1)) : BigInt(operand);
}

function words(values: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}

function integer(number: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, number), true);
  return bytes.subarray(0, size);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
