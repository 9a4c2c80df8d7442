/** The history's file: a SQLite database that stays within an age and a size, the oldest rows leaving first. */

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HISTORY_VERSION, type KeptRow, sqlName, type TableName, TABLES } from "./tables.ts";

/** Where the history is and how long it may grow. */
export interface HistoryTerms {
  readonly path: string;
  readonly daysMax: number;
  /** Of the database; its write-ahead log takes up to `LOG_BYTES_MAX` more. */
  readonly bytesMax: number;
}

/** What became of rows. */
export interface Written {
  readonly written: number;
  /** Older rows that made room. */
  readonly evicted: number;
}

/** Largest write-ahead log that stays on disk, bytes. */
export const LOG_BYTES_MAX = 4 * 1024 * 1024;

const DAY_MS = 86_400_000;
/** Share of the kept time that leaves when the file is full. */
const EVICTED_SHARE = 0.1;

/** Writes the history. Synchronous: lives in a thread of its own, as a slow card may take its time over a write. */
export class HistoryFile {
  /** What was wrong with the file that was there; null when nothing was. It now has `.damaged` behind its name. */
  readonly damage: string | null;
  readonly #terms: HistoryTerms;
  readonly #database: DatabaseSync;
  readonly #insert = new Map<TableName, StatementSync>();

  /** Opens or makes the file. @throws {Error} when that cannot be done, in the words of the system */
  constructor(terms: HistoryTerms) {
    this.#terms = terms;
    mkdirSync(dirname(terms.path), { recursive: true, mode: 0o700 });
    const { database, damage } = openOrReplace(terms);
    this.#database = database;
    this.damage = damage;
    for (const [name, columns] of Object.entries(TABLES)) {
      const names = Object.keys(columns);
      const sql = `INSERT INTO ${name} (${names.map(sqlName)}) VALUES (${names.map(() => "?")})`;
      this.#insert.set(name as TableName, database.prepare(sql));
    }
  }

  /** Writes all rows or none, then lets go of what is too old or too much. @throws {Error} when none was written */
  write(rows: readonly KeptRow[], nowMs: number): Written {
    this.#inTransaction(() => {
      for (const { table, row } of rows) {
        this.#insert.get(table)!.run(
          ...Object.keys(TABLES[table]).map((name) => row[name as keyof typeof row] ?? null),
        );
      }
    });
    return { written: rows.length, evicted: this.#evict(nowMs) };
  }

  close(): void {
    this.#database.close();
  }

  #evict(nowMs: number): number {
    let evicted = this.#deleteBefore(nowMs - this.#terms.daysMax * DAY_MS);
    // Half-empty pages may keep a pass from freeing enough; a tenth of what is left always comes to an end.
    for (let pass = 0; this.#bytes() > this.#terms.bytesMax && pass < 100; pass++) {
      const { first, last } = this.#span();
      evicted += this.#deleteBefore(first + Math.max(1, (last - first) * EVICTED_SHARE));
      this.#database.exec("PRAGMA incremental_vacuum");
    }
    return evicted;
  }

  #deleteBefore(tsMs: number): number {
    let deleted = 0;
    this.#inTransaction(() => {
      for (const name of Object.keys(TABLES)) {
        deleted += Number(this.#database.prepare(`DELETE FROM ${name} WHERE ts_ms < ?`).run(tsMs).changes);
      }
    });
    return deleted;
  }

  #span(): { readonly first: number; readonly last: number } {
    const union = Object.keys(TABLES).map((name) => `SELECT min(ts_ms) a, max(ts_ms) b FROM ${name}`).join(
      " UNION ALL ",
    );
    const { first, last } = this.#database.prepare(`SELECT min(a) first, max(b) last FROM (${union})`).get() as {
      first: number | null;
      last: number | null;
    };
    return { first: first ?? 0, last: last ?? 0 };
  }

  #bytes(): number {
    const pragma = (name: string) => Object.values(this.#database.prepare(`PRAGMA ${name}`).get()!)[0] as number;
    return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
  }

  #inTransaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      // A full disk may have rolled back already.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A file that is no database, as after a power cut on a bad card, must not end the history for good. */
function openOrReplace({ path }: HistoryTerms): { database: DatabaseSync; damage: string | null } {
  try {
    return { database: open(path), damage: null };
  } catch (error) {
    if (!isDamage(error)) throw error;
    renameSync(path, `${path}.damaged`);
    for (const ending of ["-wal", "-shm"]) rmSync(path + ending, { force: true });
    return { database: open(path), damage: (error as Error).message };
  }
}

function open(path: string): DatabaseSync {
  const isNew = !existsSync(path);
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    // Before the first table, as it cannot be changed after.
    if (isNew) database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`,
    );
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version > HISTORY_VERSION) {
      throw new Error(`the file is of version ${version}, and this program knows versions up to ${HISTORY_VERSION}`);
    }
    for (const [name, columns] of Object.entries(TABLES)) {
      const list = Object.entries(columns).map(([column, type]) => `${sqlName(column)} ${type}`).join(", ");
      database.exec(`CREATE TABLE IF NOT EXISTS ${name} (${list}) STRICT`);
      database.exec(`CREATE INDEX IF NOT EXISTS ${name}_by_time ON ${name} (ts_ms)`);
    }
    database.exec(`PRAGMA user_version = ${HISTORY_VERSION}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, which Deno gives in words alone. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && /file is not a database|disk image is malformed/.test(error.message);
}
