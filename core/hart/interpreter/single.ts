/** Single instructions: those that straddle two pages, or lie where rights end within a page. */
import { ret, when } from "../../wasm/control.ts";
import type { Module, WasmFunction } from "../../wasm/module.ts";
import type { Access } from "../access.ts";
import {
  DECODED_BYTES,
  DECODED_HEADER,
  get,
  type Layout,
  put,
  RECORD_BYTES,
  STRADDLE_RECORD,
} from "../layout.ts";
import { faulted } from "../translate.ts";

/** (hart number, word): decodes it into the hart's straddle record. */
export type DecodeWord = WasmFunction<["i32", "i32"], "void">;

/** (hart, pc, privilege): fetches one instruction, half by half, into the hart's own record. */
export function emitSingle(module: Module, access: Access, decodeWord: DecodeWord) {
  const single = module.function("fetchSingle", ["i64", "i64", "i32"], "void");
  module.define(single, (f, hart, pc, privilege) => {
    const word = f.i64();
    const half = f.i64();
    return [
      word.set(access.fetchHalf.call(hart, pc, privilege)),
      when(faulted(hart), [ret()]),
      when(word.and(3).eq(3), [
        half.set(access.fetchHalf.call(hart, pc.add(2), privilege)),
        when(faulted(hart), [ret()]),
        word.set(word.or(half.shl(16))),
      ]),
      when(get(hart, "straddleWord").ne(word), [
        put(hart, "straddleWord", word),
        decodeWord.call(get(hart, "hartid").wrap(), word.wrap()),
      ]),
    ];
  });
  return single;
}

/** (hart, record) → the instruction's bits, as an illegal-instruction trap reports them. */
export function emitWordAt(module: Module, layout: Layout) {
  const wordAt = module.function("wordAt", ["i64", "i64"], "i64");
  module.define(wordAt, (f, hart, ip) => {
    const page = f.i64();
    const word = f.i64();
    const slot = f.i64();
    return [
      when(ip.eq(hart.add(STRADDLE_RECORD)), [ret(get(hart, "straddleWord"))]),
      page.set(ip.sub(layout.decoded).divU(DECODED_BYTES)),
      slot.set(ip.sub(layout.decoded).sub(page.mul(DECODED_BYTES)).divU(RECORD_BYTES)),
      page.set(page.mul(DECODED_BYTES).add(layout.decoded).load32U(DECODED_HEADER)),
      word.set(page.shl(12).add(slot.shl(1)).add(layout.ram).load16U()),
      when(word.and(3).eq(3), [
        word.set(
          word.or(page.shl(12).add(slot.shl(1)).add(layout.ram).load16U(2).shl(16)),
        ),
      ]),
      word,
    ];
  });
  return wordAt;
}
