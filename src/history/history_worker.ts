/** Hosts the history's file in a thread of its own, so that a slow disk never stalls the event loop. No logic of its own. */

import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { HistoryFile, type HistoryTerms, type Written } from "./history_file.ts";
import type { KeptRow } from "./tables.ts";

/** What it is asked: rows to write, or, with null, to close. */
export interface HistoryRequest {
  readonly rows: readonly KeptRow[] | null;
  readonly nowMs: number;
}

/** What it answers to each request. */
export type HistoryReply =
  | (Written & { readonly failure: null; readonly damage: string | null })
  /** Nothing was written. */
  | { readonly failure: string };

assert(parentPort !== null, "history_worker.ts runs as a worker only");
const port = parentPort;
let file: HistoryFile | null = null;

port.on("message", ({ rows, nowMs }: HistoryRequest) => {
  port.postMessage(serve(rows, nowMs));
});

function serve(rows: readonly KeptRow[] | null, nowMs: number): HistoryReply {
  try {
    if (rows === null) {
      file?.close();
      return { failure: null, damage: null, written: 0, evicted: 0 };
    }
    let damage: string | null = null;
    if (file === null) {
      file = new HistoryFile(workerData as HistoryTerms);
      damage = file.damage;
    }
    return { failure: null, damage, ...file.write(rows, nowMs) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}
