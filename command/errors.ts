/** How a command ends: its exit statuses, and the one line on standard error. */
import { ImageError } from "../devices/boot/image.ts";
import { DiskFileError } from "../devices/deno/disk_file.ts";
import { NetworkError } from "../devices/deno/network_error.ts";
import { OutputError } from "../devices/deno/terminal.ts";
import { HostFailure } from "../guests/debian/failure.ts";
import { RecordingError } from "../replay/deno/file_sink.ts";
import { DivergenceError } from "../replay/divergence.ts";
import { FormatError } from "../replay/format/codec.ts";

/** Exit statuses of every command. */
export const STATUS = { ok: 0, guestFailed: 1, usage: 2, diverged: 3, hostFailed: 4 } as const;

/** The command line asks for something that cannot be. The message is one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The host failed: its disk, its memory, its network. The message is one line. */
export class HostError extends Error {
  override readonly name = "HostError";
}

const USAGE = [UsageError, ImageError, DiskFileError, FormatError];
const HOST = [HostError, HostFailure, NetworkError, OutputError, RecordingError];

/** Prints the one line that an error deserves and returns the exit status. A fault of ours shows its stack. */
export function reportError(error: unknown): number {
  const isOne = (kinds: readonly (abstract new (...parameters: never[]) => Error)[]) =>
    kinds.some((kind) => error instanceof kind);
  if (error instanceof DivergenceError) {
    console.error(`hindsight: ${error.message}`);
    return STATUS.diverged;
  }
  if (error instanceof Error && (isOne(USAGE) || isOne(HOST))) {
    console.error(`hindsight: ${error.message.replaceAll(/\s*\n\s*/g, " ")}`);
    return isOne(USAGE) ? STATUS.usage : STATUS.hostFailed;
  }
  console.error("hindsight: internal error:", error);
  return STATUS.hostFailed;
}

/** What the host said about a file, in words. */
export function reason(error: unknown): string {
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  switch (code ?? name) {
    case "ENOENT":
    case "NotFound":
      return "no such file";
    case "EISDIR":
    case "IsADirectory":
      return "is a directory";
    case "EACCES":
    case "PermissionDenied":
      return "permission denied";
    case "ENOSPC":
      return "no space left on the disk";
    default:
      return message ?? String(error);
  }
}
