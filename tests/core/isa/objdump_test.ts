/** Decoder and disassembler against GNU binutils, which describes the same instructions by itself. */
import { assertEquals } from "@std/assert";
import { disassemble } from "../../../core/isa/disassemble.ts";
import { ENCODINGS } from "../../../core/isa/decode.ts";
import { Random } from "../../../core/random.ts";
import { hasPeer, runPeer } from "../../peer.ts";

const AS = "riscv64-unknown-elf-as";
const OBJDUMP = "riscv64-unknown-elf-objdump";
const SEED = 0x0b0d1;
const NOP = 0x0001; // c.nop, fills the slot of a compressed word
const WORDS_PER_INSTRUCTION = 150;
const RANDOM_WORDS = 30_000;

/** Instructions that binutils 2.40 knows whatever the ISA string says and this machine has not. */
const FOREIGN = /^(uret|dret|hret|sfence\.vm|c\.unimp|unimp)$/;

/**
 * Words that we decode and binutils 2.40 does not. Of the conversions that are exact it knows
 * only those with rm = 0; the specification makes rm a field of them too.
 */
const EXACT_CONVERSION = /^(fcvt\.d\.(s|w|wu)) /;

Deno.test("decode() and disassemble() agree with GNU objdump", async () => {
  if (!await hasPeer(OBJDUMP, "binutils-riscv64-unknown-elf")) return;
  const words = [...compressedWords(), ...knownWords(), ...randomWords()];
  const theirs = await listing(words);
  const different: string[] = [];
  let legal = 0;
  words.forEach((word, i) => {
    const ours = normalized(disassemble(word, i * 4));
    const other = theirs.get(i * 4) ?? "missing";
    if (!ours.startsWith(".")) legal++;
    if (ours === other || excused(ours, other, word)) return;
    different.push(`${word.toString(16)}: ours "${ours}", objdump "${other}"`);
  });
  console.log(`${words.length} words, ${legal} of them legal, seed ${SEED}`);
  assertEquals(different.slice(0, 20), []);
});

/** All 49,152 of them. */
function compressedWords(): number[] {
  return Array.from({ length: 0x10000 }, (_, half) => ((NOP << 16) | half) >>> 0)
    .filter((word) => (word & 3) !== 3);
}

/** Every instruction with random fields. */
function knownWords(): number[] {
  const random = new Random(SEED);
  return ENCODINGS.flatMap(({ mask, match }) =>
    Array.from({ length: WORDS_PER_INSTRUCTION }, () => (match | (random.next() & ~mask)) >>> 0)
  );
}

/** Random words of 32 bits; those that end in 11111 begin longer instructions and are left out. */
function randomWords(): number[] {
  const random = new Random(SEED + 1);
  const known = ENCODINGS.map(({ match }) => match & 0x7f);
  return Array.from({ length: RANDOM_WORDS }, () => {
    // Half of them with an opcode that exists, so that the other bits matter.
    const word = (random.next() | 3) >>> 0;
    return random.below(2) === 0 && (word & 0x1f) !== 0x1f
      ? word
      : ((word & ~0x7f) | known[random.below(known.length)]) >>> 0;
  });
}

async function listing(words: readonly number[]): Promise<Map<number, string>> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/words`, new Uint8Array(new Uint32Array(words).buffer));
    await Deno.writeTextFile(`${folder}/words.s`, `.incbin "${folder}/words"\n`);
    const march = "-march=rv64gc_zicsr_zifencei_zba_zbb_zbs";
    await runPeer(AS, [march, `${folder}/words.s`, "-o", `${folder}/words.o`]);
    const { stdout } = await runPeer(OBJDUMP, [
      "-D",
      "-j.text",
      "-Mno-aliases",
      `${folder}/words.o`,
    ]);
    const lines = stdout.matchAll(/^\s*([0-9a-f]+):\t[0-9a-f ]+\t([^\n]*)$/gm);
    return new Map([...lines].map(([, at, line]) => [parseInt(at, 16), normalized(line)]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One spelling for both: single spaces, decimal numbers, `.` for what is no instruction. */
function normalized(line: string): string {
  let text = line.replace(/\s*<.*>|\s+#.*/, "").replace(/\s+/g, " ").trim();
  if (/^\.(\dbyte|word|short|half)/.test(text)) return ".";
  // objdump writes targets in hexadecimal without a prefix, and shows both names of a hint.
  if (/^(b(eq|ne|lt|ge)u?|jal|c\.j|c\.b\w+) /.test(text)) {
    text = text.replace(/,([0-9a-f]+)$| ([0-9a-f]+)$/, (m) => `${m[0]}0x${m.slice(1)}`);
  }
  text = text.replace(/(?<=[ ,(])(-?)(0x[0-9a-f]+)/g, (_, sign, digits) => sign + BigInt(digits));
  return text.replace(/^c\.(slli|srli|srai)64 (\w+)$/, "c.$1 $2,0").replace(
    /^c\.nop$/,
    "c.addi zero,0",
  )
    .replace(/^c\.nop (.*)$/, "c.addi zero,$1");
}

function excused(ours: string, other: string, word: number): boolean {
  if (ours === "." && other === "c.addi16sp sp,0") return true; // reserved ("C", nzimm = 0)
  // Implementations must ignore the reserved fields of both (unprivileged spec, 2.7 and Zifencei).
  if (ours === "fence.i") return other === ".";
  if (ours.startsWith("fence ")) {
    return [".", "fence.tso", ours.replace(/^fence iorw,iorw$/, "fence")].includes(other);
  }
  if (ours === ".") return FOREIGN.test(other.split(" ")[0]) || /unknown/.test(other);
  if (other === ".") return EXACT_CONVERSION.test(ours) && (word >> 12 & 7) !== 0;
  // binutils names the CSRs of extensions that this machine has not.
  if (/^csr\w+ \w+,\d+,/.test(ours)) {
    return ours.replace(/,\d+,/, ",,") === other.replace(/,\w+,/, ",,");
  }
  return EXACT_CONVERSION.test(ours) && ours === `${other},rne`;
}
