/** `validate`: whether a configuration could run, without running it. */

import process from "node:process";
import { readLastGood, stateFolder } from "../../config/last_good.ts";
import { loadConfig } from "../../config/load.ts";
import { errorToJson } from "../../core/errors.ts";
import { openNetwork } from "../../model/load.ts";
import type { CommandOf } from "../command_table.ts";
import { exitCodeOf } from "../exit_codes.ts";
import type { CommandContext } from "./context.ts";

/**
 * Loads the configuration and every network that it names, and says what would stand in for a broken file; a broker or
 * camera that is away is no fault of the file.
 */
export async function runValidate(command: CommandOf<"validate">, { console }: CommandContext): Promise<number> {
  const folder = stateFolder(command.state, process.env);
  const lastGood = await describeLastGood(folder, command.config);
  try {
    const { config, warnings } = await loadConfig(command.config, { set: command.set });
    const networks = [...new Set(config.cameras.map((camera) => camera.network))];
    for (const path of networks) await openNetwork(path);
    if (command.json) {
      console.print(JSON.stringify({ valid: true, warnings, cameras: config.cameras.length, networks, lastGood }));
    } else {
      for (const warning of warnings) console.print(`warning: ${warning}`);
      console.print(`${command.config} is valid: ${config.cameras.length} camera(s), ${networks.length} network(s)`);
      if (folder !== null) console.print(`last good copy: ${lastGood}`);
    }
    return 0;
  } catch (error) {
    if (!command.json) {
      if (folder !== null) console.note(`last good copy: ${lastGood}`);
      throw error;
    }
    console.print(JSON.stringify({ valid: false, error: errorToJson(error), lastGood }));
    return exitCodeOf(error);
  }
}

async function describeLastGood(folder: string | null, path: string): Promise<string> {
  if (folder === null) return "none is kept without --state FOLDER or $STATE_DIRECTORY";
  const copy = await readLastGood(folder, path);
  if (copy === null) return `none in ${folder} yet`;
  return "found" in copy ? `of no use, ${copy.found} in ${folder}` : `of ${copy.savedAt} in ${folder}`;
}
