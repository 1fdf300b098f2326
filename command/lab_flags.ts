/** The flags of a lab: its code is loaded where one is asked for. */
import { UsageError } from "./errors.ts";
import type { Flag, Flags } from "./flags.ts";

/** The flags that only a lab has. */
export const LAB_FLAGS: readonly Flag[] = [
  { name: "lab", value: "FILE.json", summary: "several guests, switches and links, from a file" },
  {
    name: "workers",
    value: "N",
    summary: "how many threads run a lab's guests; default one for each core",
  },
];

/** The flags of a lab that runs once. */
export const LAB_RUN_FLAGS: readonly Flag[] = [...LAB_FLAGS, {
  name: "json",
  summary: "of a lab: console lines, how each guest ended and then all, a JSON object a line",
}];

/** Whether the flags ask for a lab. @throws UsageError for flags that do not go together */
export function isLab({ values }: Flags): boolean {
  if (values.has("lab")) return true;
  const alone = LAB_RUN_FLAGS.find(({ name }) => values.has(name));
  if (alone) throw new UsageError(`--${alone.name} needs --lab FILE.json`);
  return false;
}
