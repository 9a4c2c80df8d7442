/**
 * One gateway at full speed for the overhead bench; prints one line of JSON. Arguments: what runs, frames, broker URL.
 *
 * `bare` classifies and tells nobody; `full` publishes to the broker, measures power, and has the page with one viewer.
 */

import { fileURLToPath } from "node:url";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { compose } from "../../../src/app/compose.ts";
import { createBackends } from "../../../src/app/compose/backends.ts";
import { cameraPart, equip, openNetworks } from "../../../src/app/compose/cameras.ts";
import { infoMessage } from "../../../src/app/compose/info.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { systemClock } from "../../../src/core/clock.ts";
import type { MessageKind } from "../../../src/core/messages.ts";
import { createRandom } from "../../../src/core/random.ts";
import type { Publisher } from "../../../src/ports/publisher.ts";
import { Runtime } from "../../../src/runtime/runtime.ts";

const [what, frames, url, mode] = process.argv.slice(2);
const models = fileURLToPath(new URL("../../../models/mnist-lenet/", import.meta.url));
const isFull = what !== "bare";
const path = join(tmpdir(), `quartz-overhead-${process.pid}.yaml`);
await writeFile(
  path,
  `version: 1
gateway: { id: bench${process.pid} }
network: ${models}network.safetensors
cameras:
  - id: digits
    source: { kind: replay, path: ${models}clip.safetensors.gz, loop: true }
    max_age_ms: 60000
mqtt: { url: "${url}" }
publish: { mode: ${mode} }
decision: { votes: 9, window: 10 }
${what === "page" || what === "full" ? "monitor: { listen: 127.0.0.1:0 }" : ""}
power: { enabled: ${isFull} }
`,
);
const { config, configSha256 } = await loadConfig(path);
const options = {
  configSha256,
  clock: systemClock,
  random: createRandom(1),
  log: () => {},
  frameLimit: Number(frames),
};
const stop = new AbortController();
let viewer: Promise<void> | null = null;

if (isFull) {
  const gateway = await compose(config, {
    ...options,
    onMonitor: (address) => viewer = view(`${address}events`),
  });
  await measure(gateway.runtime);
  await gateway[Symbol.asyncDispose]();
} else {
  const factory = await createBackends(config, options);
  const [camera] = config.cameras;
  const equipment = await equip(camera, (await openNetworks([camera])).get(camera.network)!, factory);
  const runtime = new Runtime({
    cameras: [cameraPart(equipment, config, options)],
    publisher: deafPublisher(),
    info: infoMessage(config, equipment.backend, configSha256),
    ...options,
    ...config.telemetry,
    rssBytes: () => 0,
  });
  await measure(runtime);
  await equipment[Symbol.asyncDispose]();
}
stop.abort();
await viewer;

async function measure(runtime: Runtime): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const startUs = systemClock.nowUs();
  await runtime.run(new AbortController().signal);
  const seconds = (systemClock.nowUs() - startUs) / 1e6;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { counts } = runtime.cameras[0];
  const figures = {
    framesPerS: counts.classified / seconds,
    cpuUsPerFrame: (user + system) / counts.classified,
    rssBytes: process.memoryUsage.rss(),
    hasViewer: viewer !== null,
  };
  console.log(JSON.stringify(figures));
}

function deafPublisher(): Publisher {
  const kinds = ["info", "health", "latency", "power", "cameraStatus", "state", "result", "event"] as const;
  const droppedByKind = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<MessageKind, number>;
  const counts = { recovered: 0, queued: 0, published: 0, replaced: 0, dropped: 0, droppedByKind };
  return {
    publish: () => {},
    state: "online",
    counts,
    problem: null,
    stop: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A viewer in a process of its own, as a browser is. */
async function view(address: string): Promise<void> {
  const child = new Deno.Command("curl", { args: ["-sN", "-o", "/dev/null", address], stdout: "null", stderr: "null" })
    .spawn();
  stop.signal.addEventListener("abort", () => child.kill("SIGTERM"));
  await child.status;
}
