/**
 * An hour of a gateway in a minute, and its report: `deno run … test/bench/report_hour.ts OUT.html`.
 *
 * Everything is real but time, which runs `SPEED` times as fast for the runtime: waits are that much shorter, and the
 * machine's own work seems that much longer, so the report's latencies are `SPEED` times those of the machine.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { compose } from "../../src/app/compose.ts";
import { loadConfig } from "../../src/config/load.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { readPeriod } from "../../src/history/period.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { reportHtml } from "../../src/report/report_html.ts";
import { ROOT } from "../support/program.ts";

const SPEED = 60;
const HOUR_MS = 3_600_000;
const OUTAGE_FROM_MS = 20 * 60_000;
const OUTAGE_TO_MS = 27 * 60_000;

const out = process.argv[2] ?? "quartz-report.html";
const folder = await mkdtemp(join(tmpdir(), "quartz-hour-"));
const startMs = systemClock.wallMs();
const clock: Clock = {
  nowUs: () => systemClock.nowUs() * SPEED,
  wallMs: () => startMs + (systemClock.wallMs() - startMs) * SPEED,
  sleep: (durationMs, signal) => systemClock.sleep(durationMs / SPEED, signal),
};
try {
  let broker = await openEmbeddedBroker({ port: 0 });
  const { port } = broker;
  const path = join(folder, "edge.yaml");
  await writeFile(
    path,
    `version: 1
gateway: { id: gw7 }
cameras:
  - id: digits
    network: ${ROOT}models/mnist-lenet/network.safetensors
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 2, loop: true }
    max_age_ms: 60000
  - id: clothes
    network: ${ROOT}models/fashion-lenet/network.safetensors
    source: { kind: replay, path: ${ROOT}models/fashion-lenet/clip.safetensors.gz, rate_fps: 1, loop: true }
    max_age_ms: 60000
mqtt: { url: "mqtt://127.0.0.1:${port}" }
decision: { votes: 5, window: 8 }
history: { path: history.sqlite }
`,
  );
  const { config, configSha256 } = await loadConfig(path);
  const gateway = await compose(config, { configSha256, clock, random: createRandom(1), log: () => {} });
  const stop = new AbortController();
  const running = gateway.runtime.run(stop.signal);
  await clock.sleep(OUTAGE_FROM_MS);
  await broker[Symbol.asyncDispose]();
  await clock.sleep(OUTAGE_TO_MS - OUTAGE_FROM_MS);
  broker = await openEmbeddedBroker({ port });
  await clock.sleep(HOUR_MS - OUTAGE_TO_MS);
  stop.abort();
  await running;
  await gateway[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  const period = readPeriod(config.history!.path, { fromMs: startMs, toMs: clock.wallMs() });
  await writeFile(out, reportHtml(period));
  console.log(`${out}: ${period.cameras.map(({ camera, frames }) => `${camera} ${frames.classified}`).join(", ")}`);
} finally {
  await rm(folder, { recursive: true });
}
