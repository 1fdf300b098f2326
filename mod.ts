/** The public API: a machine, its board, and hosts to run it on. */
export { DIGEST_CYCLES, Machine, type MachineOptions, type Stop } from "./core/machine.ts";
export type {
  Attachment,
  BoardPorts,
  BuildBoard,
  Clock,
  Device,
  DevicePorts,
  GuestMemory,
  IrqLine,
} from "./core/device.ts";
export type { DiskRequest, Host, Input, Output, PowerOutput } from "./core/host.ts";
export { encodeState, type State, type StateValue } from "./core/state.ts";
export { type BoardConfig, type BoardDisk, buildBoard } from "./devices/board.ts";
export { ImageError, type ImageFile } from "./devices/boot/image.ts";
export { type BootFiles, type BootLayout, layOut } from "./devices/boot/layout.ts";
export { MemoryHost, type MemoryHostOptions } from "./devices/host/memory_host.ts";
export { type MachineConfig, machineOptions } from "./devices/machine_options.ts";
