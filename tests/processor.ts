/** What work costs, for bounds that hold on a busy host as well: wall time says what others do. */
import { cpuUsage } from "node:process";

/** Linux counts the time of other processes in hundredths of a second. */
const TICK_MS = 10;

/** Milliseconds that all threads of this process have run. */
export function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** The same of another process. Source: proc(5), /proc/pid/stat, fields 14 and 15. */
export function processorMsOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
