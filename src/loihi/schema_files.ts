/** The board schema that is committed for editors, as text. */

import { boardJsonSchema } from "./board_schema.ts";

/** File name to JSON text; `deno task schema` writes them to `firmware-config/`, and a test compares them with what is there. */
export function boardSchemaFiles(): ReadonlyMap<string, string> {
  return new Map([["board.schema.json", JSON.stringify(boardJsonSchema(), null, 2) + "\n"]]);
}
