/** `quartz run` with one camera and the bundled MNIST network: memory while it works, and how long the network takes to open. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { LEAN_FLAGS } from "../../../src/app/unit/unit_text.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { openNetwork } from "../../../src/model/load.ts";
import { openEmbeddedBroker } from "../../../src/publish/embedded_broker.ts";
import { openSimulator } from "../../../src/simulator/simulator.ts";
import { listen } from "../../support/mqtt_listener.ts";
import { ROOT, startProgram, TASK_FLAGS } from "../../support/program.ts";
import { median } from "./measure.ts";

/** Health messages that are looked at, 1 s apart. */
const LOOKS = 8;
const STARTS = 9;

/** What was measured. */
export interface StartUp {
  /** From the network's file to the first result of a simulator in its worker, ms; median of some. */
  readonly startMs: number;
  /** From the program's start to its first published result, ms. */
  readonly firstResultMs: number;
  /** Resident memory of the program at 50 frames a second, bytes; the most that it reported. By `deno task quartz`. */
  readonly rssBytes: number;
  /** The same with the flags of the systemd unit. */
  readonly rssServiceBytes: number;
}

/** Measures all. */
export async function measureStartUp(): Promise<StartUp> {
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) starts.push(await timeStart());
  const { firstResultMs, rssBytes } = await measureProgram(TASK_FLAGS);
  const service = await measureProgram([...new Set([...TASK_FLAGS, ...LEAN_FLAGS])]);
  return { startMs: median(starts), firstResultMs, rssBytes, rssServiceBytes: service.rssBytes };
}

// ---------------------------------------------------------------------------------------------------------------------

async function timeStart(): Promise<number> {
  const start = performance.now();
  const network = await openNetwork(
    fileURLToPath(new URL("../../../models/mnist-lenet/network.safetensors", import.meta.url)),
  );
  await using simulator = await openSimulator(network);
  await simulator.run(new Int16Array(28 * 28), createInferenceOutput(network));
  return performance.now() - start;
}

async function measureProgram(flags: readonly string[]): Promise<{ firstResultMs: number; rssBytes: number }> {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  const folder = await mkdtemp(join(tmpdir(), "quartz-start-"));
  try {
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: bench
    source: { kind: synthetic, sprites: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 50 }
mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }
telemetry: { health_every_s: 1 }
`,
    );
    const start = performance.now();
    await using program = startProgram(["run", "--config", path], {}, flags);
    await listener.until((heard) => heard.some(({ topic }) => topic.endsWith("/result")), 20_000);
    const firstResultMs = performance.now() - start;
    const isHealth = ({ topic }: { topic: string }) => topic.endsWith("/health");
    await listener.until((heard) => heard.filter(isHealth).length >= LOOKS, LOOKS * 3000);
    await program.stop("SIGTERM");
    const sizes = listener.heard.filter(isHealth).map(({ text }) => JSON.parse(text).rss_bytes as number);
    return { firstResultMs, rssBytes: Math.max(...sizes) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { startMs, firstResultMs, rssBytes, rssServiceBytes } = await measureStartUp();
  console.log(`network to first result: ${startMs.toFixed(0)} ms`);
  console.log(`program to first published result: ${firstResultMs.toFixed(0)} ms`);
  console.log(`resident memory of run with one camera: ${(rssBytes / 1e6).toFixed(1)} MB`);
  console.log(`as a service: ${(rssServiceBytes / 1e6).toFixed(1)} MB`);
  process.exit(0);
}
