/** Boards by name or by file. */

import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../core/errors.ts";
import type { Board } from "./board.ts";
import { parseBoard } from "./board_schema.ts";

const FOLDER = new URL("../../firmware-config/", import.meta.url);
/** Largest board file, bytes. */
const FILE_BYTES_MAX = 1 << 20;

/** Names of the boards that come with the program, sorted. */
export async function boardNames(): Promise<string[]> {
  const files = await readdir(fileURLToPath(FOLDER));
  return files.filter((file) => file.endsWith(".json") && !file.endsWith(".schema.json"))
    .map((file) => file.slice(0, -".json".length)).sort();
}

/**
 * A board by its name (`nahuku-32`) or by the path of its file (ends in `.json`).
 *
 * @throws {ConfigError} `board.unknown` or `board.invalid`
 */
export async function openBoard(nameOrPath: string): Promise<Board> {
  const isPath = nameOrPath.endsWith(".json");
  const names = await boardNames();
  if (!isPath && !names.includes(nameOrPath)) {
    const message = `Cannot use board ${JSON.stringify(nameOrPath)} as it must be one of ${
      names.join(", ")
    }, or a .json file`;
    throw new ConfigError("board.unknown", message);
  }
  const path = isPath ? nameOrPath : fileURLToPath(new URL(`${nameOrPath}.json`, FOLDER));
  let value: unknown;
  try {
    const bytes = await readFile(path);
    if (bytes.length > FILE_BYTES_MAX) throw new Error(`it has ${bytes.length} bytes, more than ${FILE_BYTES_MAX}`);
    value = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("board.invalid", `Cannot read board file ${JSON.stringify(path)}: ${why}`, { cause });
  }
  return parseBoard(value, path);
}
