/** What the history keeps: its tables, and a row of each as TypeScript sees it. */

/** Version of the tables, in the file's `user_version`. */
export const HISTORY_VERSION = 1;

/** Columns of every table: names as in `rows` (SQL's are their snake_case) and SQLite's strict types. Every table starts with its time. */
export const TABLES = {
  /** A start of the program, or a change of what it runs. */
  run: {
    tsMs: "INTEGER",
    gateway: "TEXT",
    version: "TEXT",
    network: "TEXT",
    networkSha256: "TEXT",
    backend: "TEXT",
    energyModel: "TEXT",
  },
  /** One camera over one interval. */
  camera: {
    tsMs: "INTEGER",
    intervalMs: "REAL",
    camera: "TEXT",
    captured: "INTEGER",
    classified: "INTEGER",
    droppedBusy: "INTEGER",
    droppedStale: "INTEGER",
    droppedMalformed: "INTEGER",
    droppedFailed: "INTEGER",
    /** Capture to decision; HDR V2, compressed, base64. Null without a frame. */
    latency: "TEXT",
    p50Ms: "REAL",
    p99Ms: "REAL",
    /** JSON: how often each class was the answer. */
    classes: "TEXT",
  },
  /** One source of power over one interval. */
  power: {
    tsMs: "INTEGER",
    intervalMs: "REAL",
    source: "TEXT",
    kind: "TEXT",
    scope: "TEXT",
    method: "TEXT",
    /** Time in which the source gave figures; the other columns are about it alone. */
    validMs: "REAL",
    energyJ: "REAL",
    gaps: "INTEGER",
    inferences: "INTEGER",
    /** Of the windows that held inferences. */
    inferenceEnergyJ: "REAL",
    /** The part of it above the idle power; null when that was not known all the time. */
    dynamicEnergyJ: "REAL",
    idlePowerW: "REAL",
    /** 1: the source that covers the whole gateway. */
    isTotal: "INTEGER",
  },
  /** The gateway's health at the end of an interval. */
  health: {
    tsMs: "INTEGER",
    status: "TEXT",
    rssBytes: "INTEGER",
    broker: "TEXT",
    queued: "INTEGER",
    published: "INTEGER",
    dropped: "INTEGER",
    /** JSON: what is wrong. */
    problems: "TEXT",
  },
  /** A camera's class changed. */
  state: { tsMs: "INTEGER", camera: "TEXT", class: "TEXT", confidence: "REAL" },
  event: { tsMs: "INTEGER", event: "TEXT", camera: "TEXT", text: "TEXT" },
} as const satisfies Record<string, Record<string, "INTEGER" | "REAL" | "TEXT">>;

/** Every table's name. */
export type TableName = keyof typeof TABLES;

interface SqlTypes {
  readonly INTEGER: number;
  readonly REAL: number;
  readonly TEXT: string;
}

/** A row of a table. */
export type Row<Name extends TableName> = {
  readonly [Column in keyof (typeof TABLES)[Name]]: Column extends "tsMs" ? number
    : SqlTypes[(typeof TABLES)[Name][Column] & keyof SqlTypes] | null;
};

/** A row on its way to its table. */
export type KeptRow = { readonly [Name in TableName]: { readonly table: Name; readonly row: Row<Name> } }[TableName];

/** `tsMs` → `ts_ms`. */
export function sqlName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
