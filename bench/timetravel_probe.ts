/**
 * `deno run -A bench/timetravel_probe.ts WHAT FILE SEED COUNT [BUDGET_BYTES]`: one measurement on a
 * recording, in a process that has done nothing before. Prints it as JSON.
 */
import process from "node:process";
import { type OpenRecording, openRecording } from "../command/recording_file.ts";
import { Random } from "../core/random.ts";
import { eventLoopTurns } from "../debugger/deno/event_loop.ts";
import { CheckpointedMachine } from "../replay/checkpoint.ts";
import { PageStore } from "../replay/pages.ts";
import { Player } from "../replay/player.ts";
import { Timeline } from "../replay/timeline.ts";

/** In the ROM that only a reset runs. */
const RESET_CODE = 0x1004n;
/** As a timeline takes checkpoints by itself. */
const SPACING = 4_000_000;

const [what, path, seed, count, budget] = Deno.args;
const random = new Random(Number(seed));
const PROBES: Readonly<Record<string, () => Promise<unknown>>> = {
  first: async () => {
    const startMs = performance.now();
    const { cursor } = await atEnd();
    const openMs = performance.now() - startMs;
    return { openMs, firstMs: await timed(() => cursor.reverseStep(0)) };
  },
  row: async () => {
    const { cursor } = await atEnd();
    await cursor.reverseStep(0); // the first one is a figure of its own
    return { ms: await times(() => cursor.reverseStep(0)) };
  },
  positions: async () => {
    const { cursor } = await atEnd();
    const seekMs: number[] = [];
    const stepMs: number[] = [];
    for (let n = 0; n < Number(count); n++) {
      const cycle = 1 + random.below(cursor.end);
      seekMs.push(await timed(() => cursor.seek(cycle)));
      stepMs.push(await timed(() => cursor.reverseStep(0)));
    }
    return { seekMs, stepMs };
  },
  scan: async () => {
    const { cursor } = await atEnd();
    const conditions = { breakpoints: new Set([RESET_CODE]), watchpoints: [] };
    const took = await processed(async () => {
      const { reason } = await cursor.reverseContinue(conditions);
      if (reason !== "breakpoint") throw new Error(`no breakpoint, but ${reason}`);
    });
    return { ...took, cycle: cursor.cycle };
  },
  replay: async () => {
    const { log, build } = await openRecording(path);
    const machine = await build(new Player(log));
    return await processed(() => machine.run(log.endCycle));
  },
  checkpoints: async () => await checkpointCosts(await openRecording(path)),
  memory: async () => {
    const baseBytes = Deno.memoryUsage().rss;
    let [mostBytes, mostRss] = [0, 0];
    const note = () => {
      mostBytes = Math.max(mostBytes, timeline.sizeBytes);
      mostRss = Math.max(mostRss, Deno.memoryUsage().rss);
    };
    const turns = eventLoopTurns();
    const { timeline, recording } = await open(() => {
      note();
      return turns();
    }, false);
    const cursor = await timeline.cursor(0);
    const passMs = await timed(() => cursor.seek(cursor.end));
    for (let n = 0; n < Number(count); n++) {
      await cursor.seek(1 + random.below(cursor.end));
      await cursor.reverseStep(0);
      note();
    }
    const { endCycle, entries } = recording.log;
    const checkpoints = timeline.checkpoints.size;
    const grownRss = mostRss - baseBytes;
    return { endCycle, entries: entries.length, passMs, checkpoints, mostBytes, grownRss };
  },
};
console.log(JSON.stringify(await PROBES[what]()));

async function atEnd() {
  const opened = await open(eventLoopTurns());
  return { ...opened, cursor: await opened.timeline.cursor(opened.recording.log.endCycle) };
}

/** As `debug` opens it. @param hasStored with the checkpoints that the recording brings along */
async function open(turn: () => Promise<void>, hasStored = true) {
  const recording = await openRecording(path);
  const { log, build, config, stored } = recording;
  const timeline = new Timeline({
    log,
    harts: config.harts,
    budgetBytes: budget === undefined ? 2 ** 30 + 4 * config.memoryBytes : Number(budget),
    createMachine: (host) => build(host),
    stored: hasStored ? stored : [],
    turn,
  });
  return { recording, timeline };
}

/** Milliseconds, and pages written since the one before, of each. */
async function checkpointCosts({ log, build, config }: OpenRecording) {
  const machine = await build(new Player(log));
  const store = new PageStore();
  const checkpointed = new CheckpointedMachine(machine, store, store.zero(config.memoryBytes));
  const take = machine.takeWrittenPages.bind(machine);
  let dirtyPages = 0;
  machine.takeWrittenPages = () => {
    const pages = take();
    dirtyPages = pages.length;
    return pages;
  };
  const costs: { ms: number; dirtyPages: number }[] = [];
  let last = checkpointed.save(0);
  for (let cycle = SPACING; cycle < log.endCycle; cycle += SPACING) {
    await machine.run(cycle);
    const startMs = performance.now();
    const checkpoint = checkpointed.save(cycle);
    costs.push({ ms: performance.now() - startMs, dirtyPages });
    store.release(last.content);
    last = checkpoint;
  }
  return costs;
}

async function times(action: () => Promise<unknown>): Promise<number[]> {
  const ms: number[] = [];
  for (let n = 0; n < Number(count); n++) ms.push(await timed(action));
  return ms;
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

/** With the time that all threads of the process took together, which a busy host changes less. */
async function processed(action: () => Promise<unknown>) {
  const before = process.cpuUsage();
  const ms = await timed(action);
  const { user, system } = process.cpuUsage(before);
  return { ms, processorMs: (user + system) / 1000 };
}
