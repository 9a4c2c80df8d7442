/** The version that the program tells is the one in deno.json. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { VERSION } from "../../../src/app/version.ts";

Deno.test("VERSION equals the version in deno.json", () => {
  const file = JSON.parse(readFileSync(new URL("../../../deno.json", import.meta.url), "utf8"));
  assert.equal(VERSION, file.version);
});
