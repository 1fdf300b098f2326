/**
 * Builds a kernel module of ours for the Debian guest with a compiler alone, and without headers: what
 * a module must agree on with its kernel is read from one that came with that kernel. Source: Linux,
 * kernel/module/main.c (`setup_load_info`, `check_modinfo`), include/linux/module.h.
 */
import { CompilerMissing } from "../../build.ts";
import { sectionOf } from "../../debian/modinfo.ts";
import { fileInCpio } from "../cpio_file.ts";

const COMPILER = "riscv64-unknown-elf-gcc";
const FLAGS = [
  ..."-march=rv64gc -mabi=lp64d -mcmodel=medany -mno-relax -std=gnu11 -O2".split(" "),
  ..."-ffreestanding -fno-pic -fno-common -fno-stack-protector -msmall-data-limit=0".split(" "),
  // As the kernel: its unwinder follows frame pointers.
  ..."-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-asynchronous-unwind-tables".split(
    " ",
  ),
  ..."-Wall -Wextra -Wno-infinite-recursion -Werror".split(" "),
];
/** Every kernel that boots the guest has it: its disk hangs on it. */
const PATTERN_PATH = "usr/lib/modules/virtio_blk.ko";
const THIS_MODULE = ".gnu.linkonce.this_module";

/**
 * @param source a C file that uses MODULE_BYTES, INIT_OFFSET and VERMAGIC
 * @param initramfs of the guest: it holds modules of its kernel
 * @throws CompilerMissing
 */
export async function buildModule(source: URL, initramfs: Uint8Array): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  try {
    const target = `${folder}/module.ko`;
    const args = [...FLAGS, ...agreements(initramfs), "-c", source.pathname, "-o", target];
    const command = new Deno.Command(COMPILER, { args, stdin: "null" });
    const { success, stderr } = await command.output().catch((error) => {
      throw error instanceof Deno.errors.NotFound ? new CompilerMissing() : error;
    });
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readFile(target);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function agreements(initramfs: Uint8Array): string[] {
  const pattern = fileInCpio(initramfs, PATTERN_PATH);
  const information = new TextDecoder().decode(sectionOf(pattern, ".modinfo"));
  const vermagic = /(?:^|\0)vermagic=([^\0]*)/.exec(information)![1];
  const relocations = sectionOf(pattern, `.rela${THIS_MODULE}`);
  const view = new DataView(relocations.buffer, relocations.byteOffset);
  // Of the two pointers that are relocated, `init` comes before `exit`.
  const init = view.getBigUint64(0, true);
  return [
    `-DMODULE_BYTES=${sectionOf(pattern, THIS_MODULE).length}`,
    `-DINIT_OFFSET=${init}`,
    `-DVERMAGIC="${vermagic}"`,
  ];
}
