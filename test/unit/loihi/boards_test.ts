import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../../src/core/errors.ts";
import { boardNames, openBoard } from "../../../src/loihi/board_file.ts";
import { parseBoard } from "../../../src/loihi/board_schema.ts";
import { boardSchemaFiles } from "../../../src/loihi/schema_files.ts";

const FOLDER = new URL("../../../firmware-config/", import.meta.url);
const BOARDS = ["kapoho-bay", "nahuku-32", "nahuku-8", "twin", "wolf-mountain"];

Deno.test("every board file is valid and bears its file's name", async () => {
  assert.deepEqual(await boardNames(), BOARDS);
  for (const name of BOARDS) {
    const board = await openBoard(name);
    assert.equal(board.name, name);
    assert.equal(board.emulated, name === "twin");
  }
});

Deno.test("committed board schema is what the code makes", () => {
  for (const [name, text] of boardSchemaFiles()) {
    const found = readFileSync(fileURLToPath(new URL(name, FOLDER)), "utf8");
    assert.equal(found, text, `${name} is old: run deno task schema`);
  }
});

Deno.test("a wrong board file is refused with every problem", () => {
  const text = readFileSync(fileURLToPath(new URL("twin.json", FOLDER)), "utf8");
  const board = JSON.parse(text);
  board.chips = 0;
  board.limits.compartments = 2000;
  board.wings = 2;
  assert.throws(() => parseBoard(board, "x.json"), (error) => {
    assert.ok(error instanceof ConfigError && error.code === "board.invalid");
    assert.deepEqual(error.issues.map((issue) => issue.where).sort(), ["chips", "file", "limits.compartments"]);
    return true;
  });
});

Deno.test("an unknown board is refused with the list of known ones", async () => {
  await assert.rejects(openBoard("pohoiki"), (error) => {
    assert.ok(error instanceof ConfigError && error.message.includes("nahuku-32"));
    return true;
  });
});
