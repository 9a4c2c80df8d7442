/** Saves energies as fast as it can, each higher than the last, and says so after each; for a test to kill. */

import process from "node:process";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import { saveTotals } from "../../src/power/energy_state.ts";

const [, , path] = process.argv;
for (let joules = 1;; joules++) {
  await saveTotals(nodeFileSystem, path, new Map([["vdd_in", joules]]));
  process.stdout.write(`${joules}\n`);
}
