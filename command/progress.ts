/** How far a long replay has come: a bar on standard error, where somebody is there to see it. */

/** Shows cycles reached, until the work is done, well or badly. @param isShown whether a bar disturbs nothing */
export async function withProgress<T>(
  label: string,
  endCycle: number,
  isShown: boolean,
  work: (reached: (cycle: number) => void) => Promise<T>,
): Promise<T> {
  if (!isShown || !Deno.stderr.isTerminal()) return await work(() => {});
  const { default: progress } = await import("cli-progress");
  const format = `${label} {bar} {percentage}%  {eta_formatted} left`;
  const bar = new progress.SingleBar({ format, hideCursor: true, clearOnComplete: true });
  bar.start(endCycle, 0);
  try {
    return await work((cycle) => bar.update(cycle));
  } finally {
    bar.stop();
  }
}
