/** Spool folders for tests, and a look into them. */

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import type { SpoolTerms } from "../../src/publish/spooled_outbox.ts";
import { inspectSpool } from "../../src/spool/inspect.ts";
import type { SpoolRecord } from "../../src/spool/record.ts";

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
  if (!existsSync(folder)) return { payloads, damaged: 0 };
  const take = ({ payload }: SpoolRecord) => payloads.push(new TextDecoder().decode(payload));
  const { damaged } = await inspectSpool(nodeFileSystem, folder, take);
  return { payloads, damaged };
}

/** Bytes of all segments on disk now. */
export function bytesIn(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".spool")) : [];
  return names.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
