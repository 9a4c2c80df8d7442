/** The schemas that `schema` prints of commands are those that commands are read by. */

import assert from "node:assert/strict";
import { commandJsonSchemas } from "../../../src/commands/command_schema.ts";
import { COMMAND_VERBS } from "../../../src/core/commands.ts";

Deno.test("commandJsonSchemas() has each verb, and asks for arguments only where there must be some", () => {
  const schemas = commandJsonSchemas() as Record<string, { readonly required: readonly string[] }>;
  assert.deepEqual(Object.keys(schemas).toSorted(), COMMAND_VERBS.map((verb) => `command.${verb}`).toSorted());
  const needing = Object.entries(schemas).filter(([, { required }]) => required.includes("args")).map(([name]) => name);
  assert.deepEqual(needing.toSorted(), ["command.set_threshold", "command.snapshot", "command.switch_network"]);
});
