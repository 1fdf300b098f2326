/**
 * What a recording does not say of a machine's frames, and a replay shows: those that it sent, of
 * which the recording has hashes, and those that its network cards never passed on.
 */
import type { FrameId } from "../core/host.ts";
import { openCompiler } from "./compiler.ts";
import type { LabRecording, Recording } from "../replay/format/reader.ts";
import type { CardDrop, SentFrame } from "../replay/packets/packet_list.ts";
import { CardWatch } from "../replay/packets/card_watch.ts";
import { replay } from "../replay/replayer.ts";
import type { engineOf } from "./machine_config.ts";
import { withProgress } from "./progress.ts";
import { opened } from "./recording_file.ts";

export type Engine = ReturnType<typeof engineOf>;

/** In order of cycle. */
export interface SeenFrames {
  readonly sent: readonly SentFrame[];
  readonly dropped: readonly CardDrop[];
}

/** @param machine its name in its lab */
export async function framesOf(
  path: string,
  machine: string,
  recording: Recording,
  engine: Engine,
): Promise<SeenFrames> {
  const compiler = openCompiler();
  try {
    const open = await opened(path, recording, {
      compiler: (shape) => compiler.open(shape),
      ...engine,
    });
    const sent: SentFrame[] = [];
    const counts = new Map<string, number>();
    const watch = new CardWatch(open.log.entries);
    await withProgress(
      "replaying",
      open.log.endCycle,
      true,
      (onProgress) =>
        replay(open.log, open.build, {
          onStart: (machine) => machine.onFrameDone = (...frame) => watch.done(...frame),
          onOutput: (cycle, device, output) => {
            if (output.kind !== "frame") return;
            const n = counts.get(device) ?? 0;
            counts.set(device, n + 1);
            const id: FrameId = `${machine}/${device}>${n}`;
            sent.push({ id, cycle, bytes: output.bytes.slice() });
          },
          onProgress,
        }),
    );
    return { sent, dropped: watch.drops() };
  } finally {
    compiler.close();
  }
}

/** When frames of a lab were sent; the first question about a guest replays it. */
export function sentFrames(
  path: string,
  { guests }: LabRecording,
): (id: string) => Promise<number | undefined> {
  const known = new Map<string, Promise<ReadonlyMap<string, number>>>();
  const replayed = async (name: string, recording: Recording) => {
    const { sent } = await framesOf(path, name, recording, undefined);
    return new Map<string, number>(sent.map(({ id, cycle }) => [id, cycle]));
  };
  return async (id) => {
    const [name] = id.split("/");
    const recording = guests.get(name);
    if (recording === undefined) return undefined;
    const frames = known.get(name) ?? replayed(name, recording);
    known.set(name, frames);
    return (await frames).get(id);
  };
}
