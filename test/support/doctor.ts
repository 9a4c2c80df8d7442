/** The doctor over a configuration of the test's making. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CheckResult, type Group, runChecks } from "../../src/app/doctor/check.ts";
import type { DoctorContext } from "../../src/app/doctor/context.ts";
import { checksFor, prepareExamination } from "../../src/app/doctor/examine.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { ROOT } from "./program.ts";

/** A camera of the bundled digits, for configurations that are about something else. */
export const CAMERA = `network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: door
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz }
`;

/** A configuration file with a camera and a broker that nobody asks, and more or other lines. */
export function makeConfig(lines: string): { readonly path: string; readonly folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "quartz-doctor-"));
  const path = join(folder, "edge.yaml");
  const camera = /^cameras:/m.test(lines) ? "" : CAMERA;
  const mqtt = /^mqtt:/m.test(lines) ? "" : "mqtt: { url: mqtt://127.0.0.1:1 }\n";
  writeFileSync(path, `version: 1\ngateway: { id: gw7 }\n${camera}${mqtt}${lines}\n`);
  return { path, folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What the doctor finds in some groups, by id of the check. */
export async function examine(
  lines: string,
  groups: readonly Group[],
  options: Partial<Pick<DoctorContext, "root" | "ffmpeg" | "clock">> = {},
): Promise<Map<string, CheckResult>> {
  using config = makeConfig(lines);
  const { clock = systemClock } = options;
  const context = await prepareExamination({ configPath: config.path, random: createRandom(1), ...options, clock });
  if (context.loaded === null) throw context.configError;
  const wanted = checksFor(context).filter(({ group }) => groups.includes(group));
  return new Map((await runChecks(wanted, { clock })).map((result) => [result.id, result]));
}

/** `id verdict` of each, in order. */
export function verdicts(results: ReadonlyMap<string, CheckResult>): string[] {
  return [...results.values()].map(({ id, verdict }) => `${id} ${verdict}`);
}
