/** `validate`: whether a configuration could run, without running it. */

import { loadConfig } from "../../config/load.ts";
import { errorToJson } from "../../core/errors.ts";
import { openNetwork } from "../../model/load.ts";
import type { CommandOf } from "../command_table.ts";
import { exitCodeOf } from "../exit_codes.ts";
import type { CommandContext } from "./context.ts";

/** Loads the configuration and every network that it names; a broker or camera that is away is no fault of the file. */
export async function runValidate(command: CommandOf<"validate">, { console }: CommandContext): Promise<number> {
  try {
    const { config, warnings } = await loadConfig(command.config, { set: command.set });
    const networks = [...new Set(config.cameras.map((camera) => camera.network))];
    for (const path of networks) await openNetwork(path);
    if (command.json) {
      console.print(JSON.stringify({ valid: true, warnings, cameras: config.cameras.length, networks }));
    } else {
      for (const warning of warnings) console.print(`warning: ${warning}`);
      console.print(`${command.config} is valid: ${config.cameras.length} camera(s), ${networks.length} network(s)`);
    }
    return 0;
  } catch (error) {
    if (!command.json) throw error;
    console.print(JSON.stringify({ valid: false, error: errorToJson(error) }));
    return exitCodeOf(error);
  }
}
