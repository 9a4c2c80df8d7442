/** A stretch of the history, read back: totals, and the same in a few hundred bins for plots. */

import { EdgeError } from "../core/errors.ts";
import { type CameraPeriod, readCameras } from "./camera_period.ts";
import { binsOf, openHistory, type Reader, recordedIntervalMs, rowsOf, selected, unreadable } from "./reader.ts";
import { readSources, type SourcePeriod } from "./source_period.ts";
import type { Row, TableName } from "./tables.ts";

/** A period of one gateway. Times are wall clock, ms since 1970 UTC. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
  readonly binMs: number;
  readonly binCount: number;
  /** What ran, the newest last; the first one may have begun before the period. */
  readonly runs: readonly Row<"run">[];
  readonly cameras: readonly CameraPeriod[];
  readonly sources: readonly SourcePeriod[];
  readonly health: HealthPeriod;
  /** Changes of the stable class, oldest first; the newest `NOTES_MAX` of `stateCount`. */
  readonly states: readonly Row<"state">[];
  readonly stateCount: number;
  readonly events: readonly Row<"event">[];
  readonly eventCount: number;
}

/** How the gateway was. */
export interface HealthPeriod {
  readonly rows: number;
  /** Of `rows`. */
  readonly degradedRows: number;
  readonly brokerOnlineRows: number;
  readonly bins: readonly ({ readonly rssBytes: number; readonly isDegraded: boolean } | null)[];
  /** Problems by their part, with how many rows they stood in. */
  readonly problems: readonly { readonly what: string; readonly text: string; readonly rows: number }[];
}

/** Most bins of a period. */
export const BINS_MAX = 240;
/** Most events, and most changes of state, that a period lists. */
export const NOTES_MAX = 1000;
/** Most different problems that a period lists. */
const PROBLEMS_MAX = 100;

/**
 * Reads a period; fine while a gateway writes the file.
 *
 * @throws {EdgeError} `history.read` when the file is not there, or is no history of a version known here
 */
export function readPeriod(path: string, { fromMs, toMs }: { fromMs: number; toMs: number }): Period {
  const database = openHistory(path);
  try {
    const intervalMs = recordedIntervalMs(database);
    const binMs = Math.max(1000, Math.ceil((toMs - fromMs) / BINS_MAX / 1000) * 1000, intervalMs);
    const binCount = Math.max(1, Math.ceil((toMs - fromMs) / binMs));
    const reader: Reader = { database, fromMs, toMs, binMs, binCount, intervalMs };
    return {
      fromMs,
      toMs,
      binMs,
      binCount,
      runs: readRuns(reader),
      cameras: readCameras(reader),
      sources: readSources(reader),
      health: readHealth(reader),
      states: readNotes(reader, "state"),
      stateCount: count(reader, "state"),
      events: readNotes(reader, "event"),
      eventCount: count(reader, "event"),
    };
  } catch (cause) {
    if (cause instanceof EdgeError) throw cause;
    throw unreadable(path, (cause as Error).message, cause);
  } finally {
    database.close();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function readRuns({ database, fromMs, toMs }: Reader): Row<"run">[] {
  const before = `SELECT ${selected("run")} FROM run WHERE ts_ms <= ? ORDER BY ts_ms DESC LIMIT 1`;
  const within = `SELECT ${selected("run")} FROM run WHERE ts_ms > ? AND ts_ms <= ? ORDER BY ts_ms DESC LIMIT ?`;
  const rows = [
    ...database.prepare(within).all(fromMs, toMs, NOTES_MAX),
    ...database.prepare(before).all(fromMs),
  ];
  return rows.reverse() as unknown as Row<"run">[];
}

function readHealth(reader: Reader): HealthPeriod {
  const bins: ({ rssBytes: number; isDegraded: boolean } | null)[] = Array(reader.binCount).fill(null);
  const problems = new Map<string, { what: string; text: string; rows: number }>();
  const counts = { rows: 0, degradedRows: 0, brokerOnlineRows: 0 };
  for (const row of rowsOf(reader, "health")) {
    const isDegraded = row.status !== "ok";
    counts.rows++;
    if (isDegraded) counts.degradedRows++;
    if (row.broker === "online") counts.brokerOnlineRows++;
    for (const i of binsOf(reader, { tsMs: row.tsMs, intervalMs: reader.intervalMs })) {
      const bin = bins[i];
      bins[i] = {
        rssBytes: Math.max(bin?.rssBytes ?? 0, row.rssBytes ?? 0),
        isDegraded: isDegraded || (bin?.isDegraded ?? false),
      };
    }
    for (const { what, text } of JSON.parse(row.problems ?? "[]") as { what: string; text: string }[]) {
      const known = problems.get(what);
      if (known !== undefined) Object.assign(known, { text, rows: known.rows + 1 });
      else if (problems.size < PROBLEMS_MAX) problems.set(what, { what, text, rows: 1 });
    }
  }
  return { ...counts, bins, problems: [...problems.values()].sort((a, b) => b.rows - a.rows) };
}

function readNotes<Name extends "state" | "event">({ database, fromMs, toMs }: Reader, table: Name): Row<Name>[] {
  const sql = `SELECT ${selected(table)} FROM ${table} WHERE ts_ms > ? AND ts_ms <= ? ORDER BY ts_ms DESC LIMIT ?`;
  return database.prepare(sql).all(fromMs, toMs, NOTES_MAX).reverse() as unknown as Row<Name>[];
}

function count({ database, fromMs, toMs }: Reader, table: TableName): number {
  const row = database.prepare(`SELECT count(*) n FROM ${table} WHERE ts_ms > ? AND ts_ms <= ?`).get(fromMs, toMs);
  return Number(row!.n);
}
