/** `config migrate`: a configuration file of an earlier version as one of this version, comments kept. */

import { realpath, stat } from "node:fs/promises";
import { readConfigFile } from "../../config/load.ts";
import { CONFIG_VERSION, migrate, type Migration, MIGRATIONS } from "../../config/migrations.ts";
import { invalidConfig } from "../../config/schema.ts";
import { readYaml } from "../../config/yaml_text.ts";
import { atomicWrite } from "../../core/atomic_write.ts";
import { nodeFileSystem } from "../../core/file_system.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

/** Prints the file as it would be, or with `--write` changes it and keeps the old one beside it. A current file stays as it is. */
export async function runConfigMigrate(
  command: CommandOf<"config migrate">,
  { console }: CommandContext,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number> {
  const { bytes, text } = await readConfigFile(command.file);
  const path = await realpath(command.file); // a rename would put a file in the place of a link
  const parsed = readYaml(text);
  if ("issues" in parsed) throw invalidConfig(command.file, parsed.issues);
  const migrated = migrate(parsed, migrations);
  if ("where" in migrated) throw invalidConfig(command.file, [migrated]);
  const { steps, yaml } = migrated;
  const after = steps.length === 0 ? text : yaml.toText();
  const backup = command.write && steps.length > 0 ? `${path}.v${steps[0].from}` : null;
  if (backup !== null) {
    const mode = (await stat(path)).mode & 0o777;
    await atomicWrite(nodeFileSystem, backup, bytes, mode);
    await atomicWrite(nodeFileSystem, path, new TextEncoder().encode(after), mode);
  }
  const changes = steps.map(({ description }) => description);
  if (command.json) {
    const from = steps[0]?.from ?? CONFIG_VERSION;
    console.print(
      JSON.stringify({ from, to: CONFIG_VERSION, changes, backup, text: command.write ? undefined : after }),
    );
    return 0;
  }
  if (!command.write) console.print(after.trimEnd());
  for (const change of changes) console.note(`changed: ${change}`);
  if (changes.length === 0) {
    console.note(`${command.file} needs no change: this program's format is version ${CONFIG_VERSION}`);
  }
  if (backup !== null) console.note(`written: ${path}; the file as it was: ${backup}`);
  return 0;
}
