/**
 * What the monitor costs a gateway at full speed: frames a second without it, with it and nobody looking, with one viewer of
 * the page and with one `top`; modes interleaved, medians of ratios. Viewers are processes of their own (curl).
 *
 *   deno run --config test/deno.json --allow-all test/bench/monitor_cost.ts [ROUNDS] [SECONDS]
 */

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openReplayCamera } from "../../devices/camera/replay.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { InfoMessage } from "../../src/core/messages.ts";
import { createRandom } from "../../src/core/random.ts";
import { openNetwork } from "../../src/model/load.ts";
import { Monitor } from "../../src/monitor/monitor.ts";
import { createPreprocessor } from "../../src/preprocess/pipeline.ts";
import { encodeMessage } from "../../src/publish/payload.ts";
import { DECISION_PLAIN } from "../../src/runtime/decision.ts";
import { Runtime } from "../../src/runtime/runtime.ts";
import { openSimulator } from "../../src/simulator/simulator.ts";

const MODES = ["none", "unwatched", "page", "top"] as const;
type Mode = (typeof MODES)[number];

const [rounds, seconds] = [Number(process.argv[2] ?? 15), Number(process.argv[3] ?? 1.5)];
const bundled = (name: string) => fileURLToPath(new URL(`../../models/mnist-lenet/${name}`, import.meta.url));
const network = await openNetwork(bundled("network.safetensors"));
const backend = await openSimulator(network);
const random = createRandom(1);

/** Frames a second in one mode, processor time a frame in all threads, and the memory at its end. */
async function run(mode: Mode): Promise<{ fps: number; cpuUs: number; rssBytes: number }> {
  const { promise: listening, resolve: onListening } = Promise.withResolvers<string>();
  const monitor = mode === "none" ? null : new Monitor({
    host: "127.0.0.1",
    port: 0,
    token: null,
    hosts: [],
    viewersMax: 200,
    page: true,
    gateway: "bench",
    version: "0",
    kernel: { kind: "fast", weightBits: 8 },
    metrics: true,
    onListening,
    clock: systemClock,
    random,
  });
  const droppedByKind = {} as never;
  let seq = 0;
  // As a publisher does: every message is put into words.
  const publisher = {
    publish(message: Parameters<Monitor["onMessage"]>[0]) {
      encodeMessage(message, { tsWallMs: 1.8e12, seq: seq++, boot: "b", synced: true, mqttProtocol: null });
      monitor?.onMessage(message);
    },
    state: "online" as const,
    counts: { recovered: 0, queued: 0, published: 0, replaced: 0, dropped: 0, droppedByKind },
    problem: null,
    stop: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const common = { id: "digits", classes: network.labels, clock: systemClock };
  const runtime = new Runtime(
    {
      cameras: [{
        id: "digits",
        open: () => openReplayCamera({ ...common, path: bundled("clip.safetensors.gz"), rateFps: null, loop: true }),
        backend,
        preprocessor: createPreprocessor(network.input, { crop: null, resize: "auto", invert: false }),
        maxAgeMs: 10_000,
        report: { mode: "all", sampleEveryS: 1, topK: 3, heartbeatS: 60, decision: DECISION_PLAIN },
      }],
      publisher,
      info: { kind: "info" } as unknown as InfoMessage,
      clock: systemClock,
      random,
      latencyEveryS: 2,
      healthEveryS: 60,
      rssBytes: () => process.memoryUsage.rss(),
      observer: monitor?.observer,
    } as ConstructorParameters<typeof Runtime>[0],
  );
  // The sample message above has no model: the bench does not publish info.
  const publish = publisher.publish;
  publisher.publish = (message) => message.kind === "info" ? undefined : publish(message);
  monitor?.watch({
    get cameras() {
      return runtime.cameras;
    },
    get problems() {
      return runtime.problems;
    },
    setProblem: (what, text) => runtime.setProblem(what, text),
    publisher,
    rssBytes: () => process.memoryUsage.rss(),
    metricsText: () => "",
  });
  const stop = new AbortController();
  const running = runtime.run(stop.signal);
  const url = monitor === null ? "" : await listening;
  const path = mode === "page" ? "events" : mode === "top" ? "events?view=figures" : null;
  const viewer = path === null ? null : spawn("curl", ["-sN", `${url}${path}`], { stdio: "ignore" });
  const gone = viewer === null ? null : new Promise((resolve) => viewer.once("exit", resolve));
  await systemClock.sleep(500);
  const startUs = systemClock.nowUs();
  const before = runtime.cameras[0].counts.classified;
  const cpuBefore = process.cpuUsage();
  await systemClock.sleep(seconds * 1000);
  const frames = runtime.cameras[0].counts.classified - before;
  const fps = frames / ((systemClock.nowUs() - startUs) / 1e6);
  const { user, system } = process.cpuUsage(cpuBefore);
  const rssBytes = process.memoryUsage.rss();
  stop.abort();
  await running;
  viewer?.kill();
  await gone;
  await monitor?.[Symbol.asyncDispose]();
  return { fps, cpuUs: (user + system) / frames, rssBytes };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];
const ratios: Record<Mode, number[]> = { none: [], unwatched: [], page: [], top: [] };
const speeds: Record<Mode, number[]> = { none: [], unwatched: [], page: [], top: [] };
const costs: Record<Mode, number[]> = { none: [], unwatched: [], page: [], top: [] };
const memory: Record<Mode, number[]> = { none: [], unwatched: [], page: [], top: [] };
for (let round = -1; round < rounds; round++) {
  const found = {} as Record<Mode, { fps: number; cpuUs: number }>;
  // Another order each time: what comes after what must not matter.
  for (let i = 0; i < MODES.length; i++) {
    const mode = MODES[(i + round + 1) % MODES.length];
    const { fps, cpuUs, rssBytes } = await run(mode);
    found[mode] = { fps, cpuUs };
    if (round >= 0) memory[mode].push(rssBytes);
  }
  if (round < 0) continue; // warm-up
  for (const mode of MODES) {
    speeds[mode].push(found[mode].fps);
    ratios[mode].push(found[mode].fps / found.none.fps);
    costs[mode].push(found[mode].cpuUs / found.none.cpuUs);
  }
}
for (const mode of MODES) {
  const [fps, ratio, cost] = [median(speeds[mode]), 100 * median(ratios[mode]), 100 * median(costs[mode])];
  const mb = median(memory[mode]) / 1e6;
  console.log(
    `${mode.padEnd(10)} ${fps.toFixed(0).padStart(6)} frames/s, ${ratio.toFixed(1)} % of none; processor time ` +
      `${cost.toFixed(1)} %; ${mb.toFixed(0)} MB`,
  );
}
await backend[Symbol.asyncDispose]();
