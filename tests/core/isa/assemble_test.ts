import { assertEquals, assertThrows } from "@std/assert";
import { assemble, encode } from "../../../core/isa/assemble.ts";
import { COMPRESSED_ENCODINGS, decode, type Decoded, ENCODINGS } from "../../../core/isa/decode.ts";
import { disassemble } from "../../../core/isa/disassemble.ts";
import { extract, insert, matches } from "../../../core/isa/encoding.ts";
import { INSTRUCTIONS } from "../../../core/isa/isa.ts";
import { mnemonicOf } from "../../../core/isa/expansion.ts";
import { Random } from "../../../core/random.ts";

const SEED = 7;
const CASES_PER_INSTRUCTION = 200;

Deno.test("decode() gives back what encode() took, for every instruction", () => {
  const random = new Random(SEED);
  INSTRUCTIONS.forEach((full, index) => {
    for (let i = 0; i < CASES_PER_INSTRUCTION; i++) {
      const fields: { [name: string]: number } = {};
      for (const field of ENCODINGS[index].fields) {
        fields[field.name] = field.name === "rm"
          ? [0, 1, 2, 3, 4, 7][random.below(6)]
          : extract(field, random.next());
      }
      const word = encode(mnemonicOf(full.syntax), fields);
      const { index: _, length, ...decoded } = decode(word)!;
      assertEquals([decode(word)!.index, length], [index, 4], `${full.syntax}, seed ${SEED}`);
      assertEquals(
        decoded,
        {
          rd: fields.rd ?? 0,
          rs1: fields.rs1 ?? fields.zimm ?? 0,
          rs2: fields.rs2 ?? 0,
          rs3: fields.rs3 ?? 0,
          rm: fields.rm ?? 0,
          imm: fields.imm ?? fields.csr ?? 0,
        },
        `${full.syntax}, seed ${SEED}`,
      );
    }
  });
});

Deno.test("assemble() reads what disassemble() writes, at any address", () => {
  const random = new Random(SEED + 1);
  const pc = 0xffffffff80000100n;
  for (const { mask, match, widthBits, fields } of [...ENCODINGS, ...COMPRESSED_ENCODINGS]) {
    for (let i = 0; i < CASES_PER_INSTRUCTION; i++) {
      let word = ((match | (random.next() & ~mask)) & (widthBits === 16 ? 0xffff : -1)) >>> 0;
      const text = disassemble(word, pc);
      if (text.startsWith(".") || text.includes("unknown")) continue;
      // Text has no room for the fields of fence that are ignored.
      if (/^fence/.test(text)) {
        for (const field of fields) {
          if (/^(rd|rs1|fm|imm)$/.test(field.name)) word &= ~insert(field, extract(field, -1));
        }
        if (text === "fence.i") word = match;
      }
      assertEquals(assemble(text, pc), word >>> 0, `${text}, seed ${SEED + 1}`);
    }
  }
});

Deno.test("decode() takes every 16-bit word for at most one compressed instruction", () => {
  for (let half = 0; half < 0x10000; half++) {
    if ((half & 3) === 3) continue;
    const found = COMPRESSED_ENCODINGS.filter((encoding) => matches(encoding, half)).length;
    assertEquals(found <= 1, true, half.toString(16));
    assertEquals(found === 1, decode(half) !== undefined, half.toString(16));
  }
});

// Source: RISC-V unprivileged specification, "C", RVC instruction-set listings.
const EXPANSIONS: readonly (readonly [string, string])[] = [
  ["c.addi4spn a0, sp, 1020", "addi a0, sp, 1020"],
  ["c.lwsp a0, 252(sp)", "lw a0, 252(sp)"],
  ["c.sdsp ra, 504(sp)", "sd ra, 504(sp)"],
  ["c.fldsp fa0, 8(sp)", "fld fa0, 8(sp)"],
  ["c.fsd fs0, 248(a5)", "fsd fs0, 248(a5)"],
  ["c.addi16sp sp, -512", "addi sp, sp, -512"],
  ["c.lui a0, 0xfffe0", "lui a0, 0xfffe0"],
  ["c.li a0, -32", "addi a0, zero, -32"],
  ["c.mv a0, a1", "add a0, zero, a1"],
  ["c.j -2048", "jal zero, -2048"],
  ["c.beqz s1, 254", "beq s1, zero, 254"],
  ["c.jr ra", "jalr zero, 0(ra)"],
  ["c.jalr t0", "jalr ra, 0(t0)"],
  ["c.subw s0, s1", "subw s0, s0, s1"],
  ["c.srai a0, 63", "srai a0, a0, 63"],
  ["c.ebreak", "ebreak"],
];

Deno.test("decode() expands compressed instructions", () => {
  for (const [short, full] of EXPANSIONS) {
    const expected: Decoded = { ...decode(assemble(full))!, length: 2 };
    assertEquals(decode(assemble(short)), expected, short);
  }
});

Deno.test("decode() refuses reserved encodings", () => {
  const reserved = {
    "all zeros": 0x0000,
    "all ones": 0xffffffff,
    "48-bit instruction": 0x0000001f,
    "c.addi4spn with 0": 0x0004,
    "c.addiw x0": 0x2005,
    "c.lui with 0": 0x6501,
    "c.addi16sp with 0": 0x6101,
    "c.lwsp x0": 0x4002,
    "c.ldsp x0": 0x6002,
    "c.jr x0": 0x8002,
    "quadrant 0, funct3 100": 0x8000,
    "quadrant 1, word of subw": 0x9c41,
    "fadd.s, rm 5": 0x0000d053 | 0x2 << 20,
    "fadd.d, rm 6": 0x0200e053,
    "lr.w with rs2": 0x1015a52f,
    "slliw with bit 25": 0x0200151b,
    "sinval.vma": 0x16000073,
  };
  for (const [name, word] of Object.entries(reserved)) assertEquals(decode(word), undefined, name);
});

Deno.test("decode() takes the hints of C", () => {
  // c.nop with an immediate, c.li x0, c.lui x0, c.mv x0, c.add x0, c.slli by 0
  for (const half of [0x0005, 0x4005, 0x6005, 0x8006, 0x9006, 0x0502]) {
    assertEquals(decode(half)?.length, 2, half.toString(16));
  }
});

Deno.test("assemble() says what is wrong", () => {
  assertThrows(() => assemble("adds a0, a1, a2"), SyntaxError, 'no instruction "adds"');
  assertThrows(() => assemble("add a0, a1"), SyntaxError, '"add rd, rs1, rs2"');
  assertThrows(() => assemble("add a0, a1, fa0"), SyntaxError, '"fa0"');
  assertThrows(() => assemble("addi a0, a1, 2048"), RangeError, "imm = 2048");
  assertThrows(() => encode("add", { imm: 1 }), RangeError, "no field imm");
  assertThrows(() => encode("c.addiw", { rd: 0 }), RangeError, "rd = 0");
});
