/** The thread of a {@link FileWriter}: logs at once, checkpoints in the time between. */
import { ChunkFile, type PackedChunk } from "../format/chunk_file.ts";
import { codec } from "./codec.ts";
import { ImageCache } from "./image_cache.ts";
import { FileSink, writeFault } from "./file_sink.ts";
import { type FileTask, Progress, weigh } from "./file_writer.ts";

let progress: Progress;
let file: ChunkFile;
let hasFailed = false;
/** Not yet compressed. */
const asides: Extract<FileTask, { kind: "aside" }>[] = [];
/** Compressed, and waiting for the checkpoint that they belong to; by owner. */
const packed = new Map<number, PackedChunk[]>();

addEventListener("message", (event: Event) => {
  const task = (event as MessageEvent<FileTask>).data;
  if (task.kind === "open") progress = new Progress(task.progress);
  if (task.kind !== "aside") return finish(task, () => run(task));
  asides.push(task);
  if (asides.length === 1) setTimeout(pack);
});

function run(task: Exclude<FileTask, { kind: "aside" }>): void {
  switch (task.kind) {
    case "open":
      file = new ChunkFile(new FileSink(task.path), codec, cacheOf(task));
      return;
    case "start":
      return file.start(task.start);
    case "start-lab":
      return file.startLab(task.start);
    case "log":
      file.log(task.chunks, task.firstCycle, task.lastCycle, task.owner);
      return progress.partDone();
    case "end":
      while (asides.length > 0) pack();
      if (hasFailed) return; // just now
      return file.end(task.payload, task.cycle, task.owner);
  }
}

function cacheOf({ images }: Extract<FileTask, { kind: "open" }>): ImageCache | undefined {
  return images === undefined ? undefined : new ImageCache(images);
}

/**
 * One chunk; then a part of the log may have come. Not by `setImmediate`: with such work Deno looks at
 * messages every so many rounds only, and they came 50 ms late, and up to 160; so, 5 and 15.
 */
function pack(): void {
  const aside = asides.shift();
  if (aside === undefined) return; // the end was quicker
  const { chunk, owner } = aside;
  finish(aside, () => {
    const all = [...packed.get(owner) ?? [], file.pack(chunk)];
    const isWhole = chunk.type === "CKPT";
    if (isWhole) file.append(all, owner);
    packed.set(owner, isWhole ? [] : all);
  });
  progress.asideDone();
  if (asides.length > 0) setTimeout(pack);
}

/** After a failure nothing more is written: what comes later would not fit what is missing. */
function finish(task: FileTask, action: () => void): void {
  const { lane, sizeBytes } = weigh(task);
  try {
    if (!hasFailed) action();
  } catch (error) {
    hasFailed = true;
    packed.clear();
    progress.fail(writeFault(error));
  }
  progress.done(lane, sizeBytes);
}
