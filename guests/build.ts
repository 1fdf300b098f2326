/**
 * `deno task build:guests`: compiles our own guests into `guests/images/`. The same sources and
 * compiler give the same bytes in any folder: no paths, times or build ids go in.
 */
import { IMAGE_NAMES, type ImageName, PROGRAM_NAMES, type ProgramName } from "./images.ts";
import { flatSource } from "./kernels/flat.ts";

const COMPILER = "riscv64-unknown-elf-gcc";
const FLAGS = [
  ..."-march=rv64gc -mabi=lp64d -mcmodel=medany -std=gnu11 -O2".split(" "),
  ..."-ffreestanding -nostdlib -static -fno-pic -fno-ident -msmall-data-limit=0".split(" "),
  ..."-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns".split(" "),
  ..."-Wall -Wextra -Werror".split(" "),
];
// A debugger sees every function as it is written, and can walk its frames.
const DEBUGGER_FLAGS = ["-fno-inline", "-fno-omit-frame-pointer"];
const LINK = ["-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096"];
/** What `pocket` does with its kernel; `clerk` does something else. */
const WORK = ["main.c", "sampler.c", "ledger.c"];
const PROBES: readonly ImageName[] = [
  ...["fences", "fragile", "race", "smp", "tally", "timer", "trap", "empty"] as const,
];

/** The compiler is not installed; the message says how to get it. */
export class CompilerMissing extends Error {
  constructor() {
    super("needs gcc-riscv64-unknown-elf (apt install gcc-riscv64-unknown-elf)");
  }
}

/**
 * Builds a program for Linux in the guest as `NAME.elf` into an existing folder: static, without a
 * C library. @throws CompilerMissing
 */
export async function buildProgram(name: ProgramName, folder: string): Promise<void> {
  const isFlaky = name === "bank" || name === "teller";
  const sources = new URL(isFlaky ? "./flaky" : "./linux", import.meta.url).pathname;
  const files = isFlaky ? ["libc.c", `${name}.c`, ...DEBUGGER_FLAGS] : [`${name}.c`, "-s"];
  const target = await Deno.realPath(folder);
  await run([...FLAGS, ...LINK, ...files, "-o", `${target}/${name}.elf`], sources);
}

/**
 * Builds images as `NAME.elf` into an existing folder.
 * @param defines macros for the preprocessor, such as `FENCES`
 * @throws CompilerMissing
 */
export async function buildGuests(
  names: readonly ImageName[],
  folder: string,
  defines: readonly string[] = [],
): Promise<void> {
  const [target, temporary] = [await Deno.realPath(folder), await Deno.makeTempDir()];
  try {
    const flags = defines.map((define) => `-D${define}`);
    for (const name of names) await buildGuest(name, flags, temporary, `${target}/${name}.elf`);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function buildGuest(
  name: ImageName,
  flags: readonly string[],
  temporary: string,
  image: string,
): Promise<void> {
  const guests = new URL(".", import.meta.url).pathname;
  const objects: string[] = [];
  const isPocket = name === "pocket" || name === "clerk";
  const compile = async (folder: string, file: string) => {
    const base = file.replace(/\.[cS]$/, "");
    const object = objects.includes(`${base}.o`) ? `${base}_too.o` : `${base}.o`;
    const extra = isPocket ? DEBUGGER_FLAGS : [`-I${guests}runtime`];
    if (name === "flat") extra.push("-O1"); // 3,000 functions: -O2 takes half a minute
    const maps = [`-ffile-prefix-map=${folder}=.`, `-ffile-prefix-map=${guests}=.`];
    await run(
      [...FLAGS, ...flags, ...extra, ...maps, "-c", file, "-o", `${temporary}/${object}`],
      folder,
    );
    objects.push(object);
  };
  if (isPocket) {
    for (const file of await sources(`${guests}pocket`)) {
      if (name === "pocket" || !WORK.includes(file)) await compile(`${guests}pocket`, file);
    }
    if (name === "clerk") {
      for (const file of await sources(`${guests}faults`)) await compile(`${guests}faults`, file);
    }
  } else {
    for (const file of await sources(`${guests}runtime`)) await compile(`${guests}runtime`, file);
    if (name === "flat") {
      await Deno.writeTextFile(`${temporary}/flat.c`, flatSource());
      await compile(temporary, "flat.c");
    } else {
      await compile(`${guests}${PROBES.includes(name) ? "probes" : "kernels"}`, `${name}.c`);
    }
  }
  const script = `${guests}${isPocket ? "pocket" : "runtime"}/link.ld`;
  await run([...LINK, "-T", script, ...objects, "-o", image], temporary);
}

/** Sorted, because the order of the objects is the order of the code. */
async function sources(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (/\.[cS]$/.test(entry.name)) files.push(entry.name);
  }
  return files.sort();
}

async function run(parameters: string[], cwd: string): Promise<void> {
  const command = new Deno.Command(COMPILER, { args: parameters, cwd, stdin: "null" });
  const { success, stderr } = await command.output().catch((error) => {
    throw error instanceof Deno.errors.NotFound ? new CompilerMissing() : error;
  });
  if (!success) throw new Error(`${COMPILER} ${parameters.join(" ")}\n${decode(stderr)}`);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

if (import.meta.main) {
  try {
    const folder = new URL("./images", import.meta.url).pathname;
    await Deno.mkdir(folder, { recursive: true });
    await buildGuests([...IMAGE_NAMES, "flat"], folder);
    for (const name of PROGRAM_NAMES) await buildProgram(name, folder);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(4);
  }
}
