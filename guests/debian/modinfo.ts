/**
 * What a kernel module says of itself, and the order in which modules must be loaded.
 * Source: Linux, include/linux/moduleinfo.h and scripts/mod/modpost.c (`depends=`); modprobe.d(5)
 * for soft dependencies; the ELF-64 Object File Format, version 1.5.
 */
import { HostFailure } from "./failure.ts";

const SIGNATURE_MAGIC = "~Module signature appended~\n";

/** The `.modinfo` of one module. Names are written with `_`, as the kernel writes them. */
export interface ModuleInfo {
  readonly name: string;
  /** Modules whose symbols it uses: without them it does not load. */
  readonly depends: readonly string[];
  /** Names or aliases that should be there before it, wherever they exist. */
  readonly softBefore: readonly string[];
  /** The same, after it. */
  readonly softAfter: readonly string[];
  readonly aliases: readonly string[];
}

/** Reads the `.modinfo` section of a module. Throws {@link HostFailure} if there is none. */
export function moduleInfo(elf: Uint8Array): ModuleInfo {
  return parseModinfo(sectionOf(elf, ".modinfo"));
}

/**
 * The module without the signature that Debian's build appends. To check one costs the guest 0.03 to
 * 0.9 seconds of SHA-256 for each module, two thirds of its boot, and proves nothing here: the
 * package that it came in was checked. (The kernel then marks itself tainted "E".)
 * Source: Linux, include/linux/module_signature.h.
 */
export function withoutSignature(module: Uint8Array): Uint8Array {
  const magic = new TextEncoder().encode(SIGNATURE_MAGIC);
  const end = module.length - magic.length;
  const informationBytes = 12; // struct module_signature: its last field is the signature's length
  if (end < informationBytes || !magic.every((byte, i) => module[end + i] === byte)) return module;
  const view = new DataView(module.buffer, module.byteOffset, end);
  const signatureBytes = view.getUint32(end - 4);
  return module.subarray(0, Math.max(0, end - informationBytes - signatureBytes));
}

/** Reads `key=value` strings, each ended by NUL. */
export function parseModinfo(section: Uint8Array): ModuleInfo {
  const values = (key: string) =>
    strings(section).filter((line) => line.startsWith(`${key}=`)).map((line) =>
      line.slice(key.length + 1)
    );
  const softBefore: string[] = [];
  const softAfter: string[] = [];
  for (const line of values("softdep")) {
    let into: string[] | undefined;
    for (const word of line.split(/\s+/)) {
      if (word === "pre:") into = softBefore;
      else if (word === "post:") into = softAfter;
      else if (word !== "") into?.push(canonical(word));
    }
  }
  return {
    name: canonical(values("name")[0] ?? ""),
    depends: values("depends").flatMap((line) => line.split(",")).filter((name) => name !== "")
      .map(canonical),
    softBefore,
    softAfter,
    aliases: values("alias").map(canonical),
  };
}

/** The kernel treats `-` and `_` in a module's name alike. */
export function canonical(name: string): string {
  return name.replaceAll("-", "_");
}

/** The module names in the kernel's `modules.builtin`, one path a line. */
export function builtinModules(list: string): Set<string> {
  return new Set(
    list.split("\n").filter((line) => line !== "").map((line) =>
      canonical(line.replace(/^.*\//, "").replace(/\.ko$/, ""))
    ),
  );
}

/** The aliases in the kernel's `modules.builtin.modinfo`: `module.alias=name`, each ended by NUL. */
export function builtinAliases(list: string): Set<string> {
  return new Set(
    list.split("\0").map((line) => /^[^.=]+\.alias=(.*)$/s.exec(line)?.[1]).filter((alias) =>
      alias !== undefined
    ).map(canonical),
  );
}

/**
 * The names to load, in order: each after everything that it needs.
 *
 * @param wanted modules to end up with; those built into the kernel are passed over
 * @param find a module by name or alias; `undefined` if there is none
 * @param builtin names that the kernel already has
 * @throws {@link HostFailure} if a needed module is missing, or modules need each other in a circle
 */
export function loadOrder(
  wanted: readonly string[],
  find: (nameOrAlias: string) => ModuleInfo | undefined,
  builtin: ReadonlySet<string>,
): string[] {
  const order: string[] = [];
  const path: string[] = [];
  const visit = (name: string, isSoft: boolean) => {
    if (builtin.has(name)) return;
    const module = find(name);
    if (module === undefined) {
      // As modprobe does: a soft dependency that does not exist is no error.
      if (isSoft) return;
      throw new HostFailure(
        `the kernel package has no module "${name}"` +
          (path.length > 0 ? `, needed by "${path.at(-1)}"` : ""),
      );
    }
    if (order.includes(module.name)) return;
    if (path.includes(module.name)) {
      const circle = [...path.slice(path.indexOf(module.name)), module.name];
      throw new HostFailure(`kernel modules need each other in a circle: ${circle.join(" > ")}`);
    }
    path.push(module.name);
    for (const need of module.softBefore) visit(need, true);
    for (const need of module.depends) visit(need, false);
    path.pop();
    order.push(module.name);
    for (const follower of module.softAfter) visit(follower, true);
  };
  for (const name of wanted) visit(canonical(name), false);
  return order;
}

function strings(section: Uint8Array): string[] {
  return new TextDecoder().decode(section).split("\0").filter((line) => line !== "");
}

/** The content of a section. Throws {@link HostFailure} if there is none. */
export function sectionOf(elf: Uint8Array, name: string): Uint8Array {
  const damaged = new HostFailure(`not a kernel module: no ELF-64 section ${name}`);
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  // e_ident: magic, ELFCLASS64, ELFDATA2LSB
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw damaged;
  }
  const tableOffset = Number(view.getBigUint64(40, true)); // e_shoff
  const count = view.getUint16(60, true); // e_shnum
  if (tableOffset + count * 64 > elf.length) throw damaged;
  const section = (index: number) => {
    if (index >= count) throw damaged;
    const at = tableOffset + index * 64;
    const offset = Number(view.getBigUint64(at + 24, true)); // sh_offset
    const sizeBytes = Number(view.getBigUint64(at + 32, true)); // sh_size
    const nameOffset = view.getUint32(at, true); // sh_name
    return { nameOffset, bytes: () => elf.subarray(offset, offset + sizeBytes) };
  };
  const names = section(view.getUint16(62, true)).bytes(); // e_shstrndx
  for (let i = 0; i < count; i++) {
    const { nameOffset, bytes } = section(i);
    const end = names.indexOf(0, nameOffset);
    if (new TextDecoder().decode(names.subarray(nameOffset, end)) === name) return bytes();
  }
  throw damaged;
}
