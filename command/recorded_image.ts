/** The image files of a recording's disks, for blocks that it does not hold. */
import { DiskFile } from "../devices/deno/disk_file.ts";
import { diskId } from "../devices/board.ts";
import { ImageMismatch } from "../replay/counterfactual.ts";
import type { ReadImage } from "../replay/recorded_answers.ts";
import { UsageError } from "./errors.ts";
import type { OpenRecording } from "./recording_file.ts";

/**
 * Opens the files for as long as something runs.
 * @param paths of disk0, disk1, …
 * @throws UsageError for a file that cannot be the disk's
 */
export async function withImages<T>(
  { path, config }: OpenRecording,
  paths: readonly string[],
  run: (readImage: ReadImage | undefined) => Promise<T>,
): Promise<T> {
  const files = new Map<string, DiskFile>();
  try {
    for (const [index, file] of paths.entries()) {
      const disk = config.disks[index];
      if (disk === undefined) {
        throw new UsageError(
          `--disk ${file}: the machine of ${path} has ${config.disks.length} disks`,
        );
      }
      const opened = DiskFile.open(file, "ro");
      files.set(diskId(index), opened);
      if (opened.sizeBytes !== disk.sizeBytes) {
        throw new UsageError(
          `--disk ${file}: it has ${opened.sizeBytes} bytes, and ${
            diskId(index)
          } ${disk.sizeBytes}`,
        );
      }
    }
    return await run(
      files.size === 0 ? undefined : (device, offset, sizeBytes) => {
        const answer = files.get(device)?.serve({
          kind: "disk",
          request: 0,
          operation: "read",
          offset,
          sizeBytes,
          due: undefined,
        });
        return answer instanceof Promise ? undefined : answer?.bytes;
      },
    );
  } catch (error) {
    if (error instanceof ImageMismatch) throw new UsageError(`--disk: ${error.message}`);
    throw error;
  } finally {
    for (const file of files.values()) file.close();
  }
}
