/** The history's file, opened for reading, and its rows over a period. */

import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { EdgeError } from "../core/errors.ts";
import { HISTORY_VERSION, type Row, sqlName, type TableName, TABLES } from "./tables.ts";

/** A period's rows, and its division into bins. */
export interface Reader {
  readonly database: DatabaseSync;
  readonly fromMs: number;
  readonly toMs: number;
  readonly binMs: number;
  readonly binCount: number;
  /** Of rows that do not say it. */
  readonly intervalMs: number;
}

/** The error for a file that cannot be read as a history. */
export function unreadable(path: string, found: string, cause?: unknown): EdgeError {
  const message = `Cannot read ${JSON.stringify(path)} as it must be a gateway's history: found ${found}`;
  const hint = "Name the file of history.path in the gateway's configuration.";
  return new EdgeError("history.read", message, { hint, cause });
}

/** Opens the file; fine while a gateway writes it. @throws {EdgeError} `history.read` */
export function openHistory(path: string): DatabaseSync {
  if (!existsSync(path)) throw unreadable(path, "no such file");
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version === HISTORY_VERSION) return database;
    throw new Error(`version ${version}, and this program reads version ${HISTORY_VERSION}`);
  } catch (error) {
    database?.close();
    throw unreadable(path, (error as Error).message, error);
  }
}

/** Time that a row stands for, ms, by the newest ones. */
export function recordedIntervalMs(database: DatabaseSync): number {
  const newest = (table: TableName) => {
    // The last one before a stop is short.
    const last = `SELECT interval_ms FROM ${table} ORDER BY ts_ms DESC LIMIT 20`;
    return Number(database.prepare(`SELECT max(interval_ms) ms FROM (${last})`).get()?.ms ?? 0);
  };
  return Math.min(3_600_000, Math.max(newest("camera"), newest("power")));
}

/** A table's rows of the period, in order of time. */
export function* rowsOf<Name extends TableName>({ database, fromMs, toMs }: Reader, table: Name): Generator<Row<Name>> {
  const sql = `SELECT ${selected(table)} FROM ${table} WHERE ts_ms > ? AND ts_ms <= ? ORDER BY ts_ms`;
  for (const row of database.prepare(sql).iterate(fromMs, toMs)) yield row as unknown as Row<Name>;
}

/** The columns of a table under their names in TypeScript. */
export function selected(table: TableName): string {
  return Object.keys(TABLES[table]).map((name) => `${sqlName(name)} AS "${name}"`).join(", ");
}

/**
 * The bins that a row is drawn in: the one that its middle lies in, and all whose middle it covers, so that a plot has no
 * gap while rows follow each other. Totals must not be made from bins.
 */
export function* binsOf(
  { fromMs, binMs, binCount }: Reader,
  { tsMs, intervalMs }: { readonly tsMs: number; readonly intervalMs: number | null },
): Generator<number> {
  const end = (tsMs - fromMs) / binMs;
  const length = (intervalMs ?? 0) / binMs;
  const middle = Math.floor(end - length / 2);
  const first = Math.max(0, Math.min(middle, Math.ceil(end - length - 0.5)));
  const last = Math.min(binCount - 1, Math.max(middle, Math.ceil(end - 0.5) - 1));
  for (let bin = first; bin <= last; bin++) yield bin;
}
