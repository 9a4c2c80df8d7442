/** `doctor`: what keeps a gateway from running, and what mends it. */

import type { CommandOf } from "../command_table.ts";
import { ProgressBar } from "../console.ts";
import { doctorExitCode, runChecks } from "../doctor/check.ts";
import { checksFor, prepareExamination } from "../doctor/examine.ts";
import { formatMends, formatReport, tallyOf } from "../doctor/report.ts";
import { runtimeInfo, VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";

/** Runs every check and prints the report; the exit code says in which groups something failed. */
export async function runDoctor(command: CommandOf<"doctor">, context: CommandContext): Promise<number> {
  const { console, clock, random } = context;
  const checks = checksFor(await prepareExamination({ configPath: command.config, set: command.set, clock, random }));
  const bar = new ProgressBar(console, "looking", clock.nowUs);
  let done = 0;
  const results = await runChecks(checks, { clock, onResult: () => bar.update(++done, checks.length) });
  const code = doctorExitCode(results);
  if (command.json) {
    const runtime = runtimeInfo();
    const { config } = command;
    const report = { version: VERSION, runtime, config, summary: tallyOf(results), exitCode: code, checks: results };
    console.print(JSON.stringify(report));
  } else if (command.fix) { for (const line of formatMends(results)) console.print(line); }
  else for (const line of formatReport(results, console.printsColor)) console.print(line);
  return code;
}
