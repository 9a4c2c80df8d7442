/** Would a copy of the configuration stand in for a file that breaks? */

import process from "node:process";
import { readLastGood, stateFolder } from "../../../config/last_good.ts";
import { advice, type Check, type Finding, ok, warning } from "../check.ts";
import type { DoctorContext } from "../context.ts";

/** The copy in the state folder that systemd names; elsewhere there is nothing to look at. */
export function lastGoodChecks({ configPath }: Pick<DoctorContext, "configPath">): Check[] {
  const folder = stateFolder(null, process.env);
  if (configPath === null || folder === null) return [];
  const run = () => checkLastGood(folder, configPath);
  return [{ id: "config.last_good", title: "last good copy", group: "files", run }];
}

// ---------------------------------------------------------------------------------------------------------------------

async function checkLastGood(folder: string, path: string): Promise<Finding> {
  const copy = await readLastGood(folder, path);
  if (copy === null) return ok(`none in ${folder} yet: the first good start makes it`);
  if ("savedAt" in copy) return ok(`of ${copy.savedAt} in ${folder}`);
  return warning(`of no use in ${folder}: found ${copy.found}`, advice("the next good start makes a new one"));
}
