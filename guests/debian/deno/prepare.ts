/** Preparing the Debian guest: from the archive to the files that a machine boots. */
import { join } from "@std/path";
import { checkDisk, DISK_BYTES, DISK_COMMAND, diskTools, isDiskTool } from "../disk.ts";
import { extraInitramfs } from "../extra.ts";
import { HostFailure, MissingFromArchive } from "../failure.ts";
import { initramfs } from "../initramfs.ts";
import type { TarEntry } from "../tar.ts";
import { DEFAULT_MIRROR, fetchPackage, PACKAGES, resolvePackages } from "./archive.ts";
import {
  cacheFolder,
  type Content,
  contentOf,
  hostFailure,
  isIntact,
  type Manifest,
  readManifest,
  writeAtomically,
  writeManifest,
} from "./cache.ts";
import { debEntries } from "./deb.ts";
import { type DebianGuest, guestIn, OUTPUTS, recipe } from "./guest.ts";
import { unpackKernel } from "./kernel.ts";
import type { Report } from "./report.ts";

/** No working emulator needs this long to make the disk. */
const DISK_TIMEOUT_MS = 10 * 60 * 1000;

/** One boot of a guest, to its power-off. */
export interface GuestRun {
  readonly bios: string;
  readonly kernel: string;
  /** Paths or contents of initramfs archives, to be joined in this order. */
  readonly initrds: readonly (string | Uint8Array)[];
  readonly append: string;
  /** A raw image that becomes `/dev/vda`; what the guest writes must be in it at the end. */
  readonly diskPath: string;
  readonly timeoutMs: number;
}

/** Boots a machine. `status` is 0 after a power-off, else the guest's code; `console` all that it printed. */
export type RunGuest = (run: GuestRun) => Promise<{ status: number; console: string }>;

export interface PrepareOptions {
  /** Default: {@link cacheFolder}. */
  readonly cacheDir?: string;
  /** URL of a Debian archive. Default: `HINDSIGHT_MIRROR`, or Debian's own. */
  readonly mirror?: string;
  /** Ask the archive for newer packages even if the cache is whole. */
  readonly refresh?: boolean;
  readonly report: Report;
  readonly runGuest: RunGuest;
}

/**
 * Makes the guest, or what is missing or damaged of it; a whole cache needs no network.
 * Throws {@link HostFailure}, whose message is one line.
 */
export async function prepareDebian(options: PrepareOptions): Promise<DebianGuest> {
  const folder = options.cacheDir ?? cacheFolder();
  const mirror = (options.mirror ?? (Deno.env.get("HINDSIGHT_MIRROR") || DEFAULT_MIRROR))
    .replace(/\/+$/, "");
  try {
    await Deno.mkdir(join(folder, "packages"), { recursive: true });
    using _lock = await lock(folder, options.report);
    let manifest = options.refresh ? undefined : await readManifest(folder);
    if (manifest?.recipe !== recipe()) manifest = manifest && { ...manifest, files: {} };
    const preparation = new Preparation(folder, mirror, options, manifest);
    try {
      await preparation.run();
    } catch (error) {
      // The cache remembers packages that a point release has replaced since.
      if (!(error instanceof MissingFromArchive) || manifest === undefined) throw error;
      options.report.line(`${error.message}; asking the archive for its present packages`);
      await new Preparation(folder, mirror, options, undefined).run();
    }
  } catch (error) {
    throw hostFailure(error, `cannot prepare the Debian guest in ${folder}`);
  }
  return guestIn(folder);
}

/** Two preparations at once would write to the same parts. */
async function lock(folder: string, report: Report): Promise<Deno.FsFile> {
  const file = await Deno.open(join(folder, "lock"), { write: true, create: true });
  if (!(await file.tryLock(true))) {
    report.line("waiting for another preparation of the Debian guest to end");
    await file.lock(true);
  }
  return file;
}

/** One pass over the outputs; each group is made from its packages if any of its files is amiss. */
class Preparation {
  #manifest: Manifest | undefined;
  /** Outputs that this pass found whole, or made. */
  readonly #whole = new Set<string>();

  constructor(
    readonly folder: string,
    readonly mirror: string,
    readonly options: PrepareOptions,
    manifest: Manifest | undefined,
  ) {
    this.#manifest = manifest;
  }

  async run(): Promise<void> {
    const { report } = this.options;
    await this.#check();
    if (this.#manifest === undefined) {
      report.line(`reading the index of ${this.mirror}`);
      const found = await resolvePackages(this.mirror, join(this.folder, "packages"), report);
      this.#manifest = { version: 1, recipe: recipe(), ...found, files: {} };
      await writeManifest(this.folder, this.#manifest);
      const kernel = this.#package(found.kernel);
      report.line(`Debian ${found.release}, kernel ${kernel.version} (${kernel.name})`);
    }
    await this.#group(["fw_jump.bin", "fw_dynamic.bin"], () => this.#firmware());
    await this.#group(["busybox", "vmlinux", "initramfs.cpio"], () => this.#kernel());
    await this.#group(["root.ext4"], () => this.#disk());
    await this.#tidy();
  }

  /** Removes packages that are no longer named, and what a killed preparation left. */
  async #tidy(): Promise<void> {
    const named = new Set(this.#manifest!.packages.map(({ path }) => path.replace(/^.*\//, "")));
    const folder = join(this.folder, "packages");
    for await (const { name } of Deno.readDir(folder)) {
      if (!named.has(name)) await Deno.remove(join(folder, name));
    }
    for await (const { name } of Deno.readDir(this.folder)) {
      if (/\.\d+\.(new|making)$/.test(name)) await Deno.remove(join(this.folder, name));
    }
  }

  async #check(): Promise<void> {
    for (const [name, content] of Object.entries(this.#manifest?.files ?? {})) {
      if (await isIntact(join(this.folder, name), content)) this.#whole.add(name);
      else this.options.report.line(`${name} in the cache is missing or damaged; making it again`);
    }
  }

  async #group(names: string[], make: () => Promise<void>): Promise<void> {
    if (names.every((name) => this.#whole.has(name))) return;
    await make();
    this.#manifest = { ...this.#manifest!, recipe: recipe() };
    await writeManifest(this.folder, this.#manifest);
  }

  async #firmware(): Promise<void> {
    const folder = "usr/lib/riscv64-linux-gnu/opensbi/generic/";
    const names = ["fw_jump.bin", "fw_dynamic.bin"];
    const found = await this.#files(PACKAGES.firmware, names.map((name) => folder + name));
    for (const [i, name] of names.entries()) await this.#output(name, found[i]);
  }

  async #kernel(): Promise<void> {
    const [busybox] = await this.#files(PACKAGES.busybox, ["usr/bin/busybox"]);
    const deb = await this.#fetch(this.#manifest!.kernel);
    this.options.report.line("unpacking the kernel");
    const { image, modules } = await unpackKernel(deb);
    await this.#output("busybox", busybox);
    await this.#output("vmlinux", image);
    await this.#output("initramfs.cpio", initramfs({ busybox, modules }));
  }

  async #disk(): Promise<void> {
    const tools: TarEntry[] = [];
    const notTools = new Set<string>([
      this.#manifest!.kernel,
      PACKAGES.firmware,
      PACKAGES.busybox,
    ]);
    for (const { name } of this.#manifest!.packages) {
      if (notTools.has(name)) continue;
      for await (const entry of debEntries(await this.#fetch(name), isDiskTool)) tools.push(entry);
    }
    this.options.report.line("making the root disk in the guest");
    const guest = guestIn(this.folder);
    const path = join(this.folder, `root.ext4.${Deno.pid}.making`);
    try {
      await Deno.writeFile(path, new Uint8Array(0));
      await Deno.truncate(path, DISK_BYTES);
      const { status, console } = await this.options.runGuest({
        bios: guest.firmwareJump,
        kernel: guest.kernel,
        initrds: [guest.initrd, extraInitramfs({ run: DISK_COMMAND, copy: diskTools(tools) })],
        append: guest.append,
        diskPath: path,
        timeoutMs: DISK_TIMEOUT_MS,
      });
      if (status !== 0) {
        const said = console.trimEnd().split(/\r?\n/).at(-1);
        throw new HostFailure(`the guest could not make its root disk (status ${status}): ${said}`);
      }
      await this.#takeDisk(path);
    } finally {
      await Deno.remove(path).catch(() => {});
    }
  }

  /** The disk is renamed and not copied, because it has holes. */
  async #takeDisk(path: string): Promise<void> {
    {
      using file = await Deno.open(path, { read: true, write: true });
      const head = new Uint8Array(4096);
      await file.read(head);
      checkDisk(head);
      await file.sync();
    }
    const content = await contentOf(path);
    await Deno.rename(path, join(this.folder, OUTPUTS.disk));
    this.#record(OUTPUTS.disk, content!);
  }

  /** The bytes of these files of a package. */
  async #files(name: string, paths: string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    const found = new Map<string, Uint8Array<ArrayBuffer>>();
    for await (const entry of debEntries(await this.#fetch(name), (path) => paths.includes(path))) {
      if (entry.type === "file") found.set(entry.path, entry.bytes);
    }
    return paths.map((path) => {
      const bytes = found.get(path);
      if (bytes === undefined) throw new HostFailure(`package ${name} holds no ${path}`);
      return bytes;
    });
  }

  async #fetch(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { report } = this.options;
    const folder = join(this.folder, "packages");
    return await Deno.readFile(
      await fetchPackage(this.mirror, folder, this.#package(name), report),
    );
  }

  #package(name: string): Manifest["packages"][number] {
    const found = this.#manifest!.packages.find((one) => one.name === name);
    if (found === undefined) throw new HostFailure(`the cache's manifest lacks package ${name}`);
    return found;
  }

  async #output(name: string, bytes: Uint8Array): Promise<void> {
    this.#record(name, await writeAtomically(join(this.folder, name), bytes));
  }

  #record(name: string, content: Content): void {
    this.#manifest!.files[name] = content;
    this.#whole.add(name);
  }
}
