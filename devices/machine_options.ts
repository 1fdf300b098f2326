/** From a configuration and the files to boot to what the engine starts a machine from. */
import type { Host } from "../core/host.ts";
import type { MachineOptions } from "../core/machine.ts";
import { type BoardConfig, buildBoard } from "./board.ts";
import { type BootFiles, layOut } from "./boot/layout.ts";

/** A machine without its host and its files. */
export interface MachineConfig extends BoardConfig {
  /** A multiple of 1 MiB. */
  readonly memoryBytes: number;
  /** The kernel's command line. */
  readonly bootargs?: string;
}

/**
 * The options of a machine that boots the given files.
 * @throws ImageError if a file is damaged or has no place in RAM
 * @throws RangeError if the board has no room for the disks
 */
export function machineOptions(
  config: MachineConfig,
  files: BootFiles,
  host: Host,
): MachineOptions {
  const { rom, images } = layOut(files, config);
  return {
    memoryBytes: config.memoryBytes,
    harts: config.harts,
    seed: config.seed,
    host,
    buildBoard: buildBoard(config),
    rom,
    images,
  };
}
