/** `schema`: the JSON Schemas of everything that people write or read: configuration, network manifest, MQTT messages. */

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { schemaFiles } from "../../config/schema_files.ts";
import { commandJsonSchemas } from "../../commands/command_schema.ts";
import { configJsonSchema } from "../../config/schema.ts";
import { didYouMean } from "../../config/suggest.ts";
import { ConfigError } from "../../core/errors.ts";
import { boardJsonSchema } from "../../loihi/board_schema.ts";
import { boardSchemaFiles } from "../../loihi/schema_files.ts";
import { manifestJsonSchema } from "../../model/manifest_schema.ts";
import { payloadJsonSchemas } from "../../publish/payload_schema.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

/** Prints a schema, lists them, or writes those that are committed. */
export async function runSchema(command: CommandOf<"schema">, { console }: CommandContext): Promise<number> {
  if (command.write) {
    const folders = { "../../config/": schemaFiles(), "../../../firmware-config/": boardSchemaFiles() };
    for (const [folder, files] of Object.entries(folders)) {
      for (const [name, text] of files) {
        const path = fileURLToPath(new URL(`${folder}${name}`, import.meta.url));
        await writeFile(path, text);
        console.note(`wrote ${path}`);
      }
    }
    return 0;
  }
  const schemas: Record<string, unknown> = {
    config: configJsonSchema(),
    board: boardJsonSchema(),
    manifest: manifestJsonSchema(),
    ...payloadJsonSchemas(),
    ...commandJsonSchemas(),
  };
  const names = Object.keys(schemas);
  if (command.name === null) {
    console.print(command.json ? JSON.stringify(schemas) : names.join("\n"));
    return 0;
  }
  if (!Object.hasOwn(schemas, command.name)) {
    const message = `Cannot print schema ${JSON.stringify(command.name)} as it must be one of ${names.join(", ")}`;
    throw new ConfigError("usage", message, { hint: didYouMean(command.name, names) });
  }
  console.print(JSON.stringify(schemas[command.name], null, command.json ? 0 : 2));
  return 0;
}
