/** A benchmark's result, as a table or as JSON. */
import Table from "cli-table3";

export interface Report {
  readonly title: string;
  /** All with the same keys, in the same order. */
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  /** What is compared with a bound, by name. */
  readonly figures: Readonly<Record<string, number>>;
}

export function formatReport({ title, rows, figures }: Report): string {
  const head = Object.keys(rows[0]);
  const table = new Table({
    head,
    colAligns: head.map((_, column) => column === 0 ? "left" : "right"),
    style: { head: [], border: [] },
  });
  for (const row of rows) table.push(head.map((key) => format(row[key])));
  const lines = Object.entries(figures).map(([name, value]) => `${name}: ${format(value)}`);
  return `${title}\n${table.toString()}\n${lines.join("\n")}\n`;
}

function format(value: string | number): string {
  if (typeof value === "string") return value;
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2);
}
