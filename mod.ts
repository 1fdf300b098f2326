/** The public API: a machine, its board, hosts to run it on, recordings, and a debugger over them. */
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
export { DivergenceError } from "./replay/divergence.ts";
export type { Arrival, Cursor, StopConditions } from "./replay/cursor.ts";
export type { Log, LogEntry, LogSink } from "./replay/log.ts";
export { Player } from "./replay/player.ts";
export { Recorder } from "./replay/recorder.ts";
export { replay } from "./replay/replayer.ts";
export { Timeline } from "./replay/timeline.ts";
export { Debugger } from "./debugger/debugger.ts";
