/** `report`: a period of a gateway's history, as a page or as figures. */

import { writeFile } from "node:fs/promises";
import { loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../core/errors.ts";
import { type Period, readPeriod } from "../../history/period.ts";
import { reportHtml } from "../../report/report_html.ts";
import { readTimeRange } from "../../report/time_range.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

const OUT_DEFAULT = "quartz-report.html";

/** Writes the page and says where, or prints the figures. */
export async function runReport(command: CommandOf<"report">, { console, clock }: CommandContext): Promise<number> {
  const { json, from, to } = command;
  const period = readPeriod(await historyPath(command), readTimeRange(from, to, clock.wallMs()));
  const out = command.out ?? (json ? null : OUT_DEFAULT);
  if (out !== null) await writeFile(out, reportHtml(period));
  if (json) console.print(JSON.stringify(totals(period)));
  else {console.print(`${out}: ${
      period.cameras.reduce((sum, { frames }) => sum + frames.classified, 0)
    } frames classified`);}
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

async function historyPath({ history, config }: CommandOf<"report">): Promise<string> {
  const wrong = (found: string) =>
    new ConfigError("usage", `Cannot make a report as it must be told which history: found ${found}`, {
      hint: "Name the file, or a configuration with `history: { path: … }` by --config FILE",
    });
  if ((history === null) === (config === null)) throw wrong(history === null ? "nothing" : "a file and --config");
  if (history !== null) return history;
  const loaded = await loadConfig(config!);
  if (loaded.config.history === null) throw wrong(`a configuration without history`);
  return loaded.config.history.path;
}

/** Without the bins, which are for plots. */
function totals({ cameras, sources, health, states: _states, ...rest }: Period) {
  return {
    ...rest,
    cameras: cameras.map(({ bins: _, ...camera }) => camera),
    sources: sources.map(({ bins: _, ...source }) => source),
    health: { ...health, bins: undefined },
  };
}
