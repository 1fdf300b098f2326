/** Telling the user what the preparation does: lines always, bars only on a terminal. */
import progress from "cli-progress";

/** Where the preparation reports to. */
export interface Report {
  /** Something worth a line of its own. */
  line(text: string): void;
  /** @param done of `total`, in bytes; the last call has both equal */
  progress(label: string, done: number, total: number): void;
}

/** Lines on standard error; a bar for each long download if somebody is there to see it. */
export function terminalReport(): Report {
  const hasBars = Deno.stdout.isTerminal() && Deno.stderr.isTerminal();
  let bar: { label: string; shown: InstanceType<typeof progress.SingleBar> } | undefined;
  const stop = () => {
    bar?.shown.stop();
    bar = undefined;
  };
  return {
    line(text) {
      stop();
      console.error(text);
    },
    progress(label, done, total) {
      if (!hasBars) return;
      if (bar?.label !== label) {
        stop();
        const format = "{bar} {percentage}% of {megabytes} MB  {label}";
        const shown = new progress.SingleBar({ format, hideCursor: true, clearOnComplete: true });
        shown.start(total, done, { label, megabytes: (total / 1e6).toFixed(1) });
        bar = { label, shown };
      }
      bar.shown.update(done);
      if (done >= total) stop();
    },
  };
}
