/** The frames that a recorded machine sent: a recording has their hashes, a replay has the frames. */
import type { FrameId } from "../core/host.ts";
import { ThreadCompiler } from "../devices/deno/compiler.ts";
import type { LabRecording, Recording } from "../replay/format/reader.ts";
import type { SentFrame } from "../replay/packets/packet_list.ts";
import { replay } from "../replay/replayer.ts";
import type { engineOf } from "./machine_config.ts";
import { withProgress } from "./progress.ts";
import { opened } from "./recording_file.ts";

export type Engine = ReturnType<typeof engineOf>;

/** In order of cycle. @param machine its name in its lab */
export async function sentBy(
  path: string,
  machine: string,
  recording: Recording,
  engine: Engine,
): Promise<SentFrame[]> {
  const compiler = new ThreadCompiler();
  try {
    const open = await opened(path, recording, {
      compiler: (shape) => compiler.open(shape),
      ...engine,
    });
    const sent: SentFrame[] = [];
    const counts = new Map<string, number>();
    await withProgress(
      "replaying",
      open.log.endCycle,
      true,
      (onProgress) =>
        replay(open.log, open.build, {
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
    return sent;
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
    const frames = await sentBy(path, name, recording, undefined);
    return new Map<string, number>(frames.map(({ id, cycle }) => [id, cycle]));
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
