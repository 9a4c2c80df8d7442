/** The schema files that are committed for editors, as text. */

import { configJsonSchema } from "./schema.ts";

/** File name to JSON text; `deno task schema` writes them to `src/config/`, and a test compares them with what is there. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map([["quartz-edge.schema.json", JSON.stringify(configJsonSchema(), null, 2) + "\n"]]);
}
