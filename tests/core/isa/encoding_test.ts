import { assert, assertEquals, assertThrows } from "@std/assert";
import { extract, insert, parseEncoding } from "../../../core/isa/encoding.ts";

Deno.test("parseEncoding() reads bits, fields and scattered immediates", () => {
  const encoding = parseEncoding("imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011");
  assertEquals(encoding.mask, 0x707f);
  assertEquals(encoding.match, 0x63);
  assertEquals(encoding.fields.map((field) => field.name), ["imm", "rs2", "rs1"]);
  const imm = encoding.fields[0];
  assertEquals(imm.pieces, [
    { lowBit: 31, width: 1, lowBitInField: 12 },
    { lowBit: 25, width: 6, lowBitInField: 5 },
    { lowBit: 8, width: 4, lowBitInField: 1 },
    { lowBit: 7, width: 1, lowBitInField: 11 },
  ]);
  assertEquals(extract(imm, 0xfe000fe3 | 0), -2);
  assertEquals(insert(imm, -2), 0xfe000f80 | 0);
  assertThrows(() => insert(imm, 3), RangeError, "imm = 3");
  assertThrows(() => insert(imm, 4096), RangeError);
});

Deno.test("parseEncoding() reads short registers and excluded values", () => {
  const load = parseEncoding("010 uimm[5:3] rs1' uimm[2|6] rd' 00");
  assertEquals(load.widthBits, 16);
  const rd = load.fields.find((field) => field.name === "rd")!;
  assertEquals(extract(rd, 0), 8);
  assertThrows(() => insert(rd, 7), RangeError);
  const lui = parseEncoding("011 nzimm[17] rd!=0,2 nzimm[16:12] 01");
  assertEquals(lui.fields.map((field) => field.excluded), [[0], [0, 2]]);
});

Deno.test("parseEncoding() refuses what does not make sense", () => {
  assertThrows(() => parseEncoding("imm[11:0] rs1 000 rd 001001"), SyntaxError, "31 bits");
  assertThrows(() => parseEncoding("imm[11:0] rs9 000 rd 0010011"), SyntaxError, "rs9");
  assertThrows(() => parseEncoding("uimm[6:0] uimm[4:0] rs1 001 rd 0010011"), SyntaxError, "twice");
  assert(parseEncoding("imm[31:12] rd 0110111").fields[0].signed);
});
