/** Spool folders for tests, and a look into them. */

import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import type { SpoolTerms } from "../../src/publish/spooled_outbox.ts";
import { readCursor } from "../../src/spool/cursor.ts";
import { findSegment, readSegment, segmentIds } from "../../src/spool/segment.ts";

/** A folder of its own, removed in the end, and terms that are quick to sync and to deliver. */
export interface TestSpool extends Disposable {
  readonly folder: string;
  terms(changes?: Partial<SpoolTerms>): SpoolTerms;
}

/** Makes one. */
export function makeSpool(): TestSpool {
  const parent = mkdtempSync(join(tmpdir(), "quartz-spool-"));
  const folder = join(parent, "spool");
  return {
    folder,
    terms: (changes = {}) => ({
      folder,
      bytesMax: 16 * 1024 * 1024,
      ageMaxMs: 3_600_000,
      syncEveryMs: 20,
      backlogPerS: 10_000,
      ...changes,
    }),
    [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** The payloads that a spool has still to deliver, in order, and how much of it is damaged. Changes nothing. */
export async function readSpool(folder: string): Promise<{ readonly payloads: string[]; readonly damaged: number }> {
  const payloads: string[] = [];
  let damaged = 0;
  const cursor = await readCursor(nodeFileSystem, join(folder, "cursor"));
  const done = cursor === null || cursor === "damaged" ? { nextId: 0, ahead: [] } : cursor;
  for (const firstId of segmentIds(existsSync(folder) ? readdirSync(folder) : [])) {
    const { segment, missingIds, isTorn } = await findSegment(nodeFileSystem, folder, firstId);
    damaged += missingIds.filter((id) => id >= done.nextId).length + (isTorn ? 1 : 0);
    for (const { id, payload } of (await readSegment(nodeFileSystem, segment)).records) {
      const isDone = id < done.nextId || done.ahead.some(([from, to]) => id >= from && id < to);
      if (!isDone) payloads.push(new TextDecoder().decode(payload));
    }
  }
  return { payloads, damaged };
}
