/** `config explain`: every value that the program would work with, and where it came from. */

import { explain, formatOrigin } from "../../config/explain.ts";
import { loadConfig } from "../../config/load.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

/** Widest value of the table; longer ones push their line out. */
const VALUE_WIDTH_MAX = 48;

/** Prints a table, or with `--json` an object of key, value and origin a line. Networks and certificates are not opened. */
export async function runConfigExplain(
  command: CommandOf<"config explain">,
  { console }: CommandContext,
): Promise<number> {
  const loaded = await loadConfig(command.config, { set: command.set });
  const rows = explain(loaded);
  if (command.json) {
    const { configSha256, warnings } = loaded;
    console.print(JSON.stringify({ config: command.config, configSha256, warnings, values: rows }));
    return 0;
  }
  for (const warning of loaded.warnings) console.note(`warning: ${warning}`);
  const cells = rows.map(({ key, value, origin }) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
    formatOrigin(origin, command.config),
  ]);
  const width = (column: number, most: number) => Math.min(most, Math.max(...cells.map((row) => row[column].length)));
  const [keys, values] = [width(0, Infinity), width(1, VALUE_WIDTH_MAX)];
  for (const [key, value, origin] of cells) {
    console.print(`${key.padEnd(keys)}  ${value.padEnd(values)}  ${origin}`);
  }
  return 0;
}
