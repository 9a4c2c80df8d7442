/** `run` on a board: the twin in its own process, killed and started again, with the simulator standing in meanwhile. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";
import { startTwin } from "../support/twin.ts";

interface Result {
  readonly backend: string;
  readonly class: string;
  readonly truth: string;
  readonly snn: Record<string, number>;
}

async function withConfig(
  { port, link, fallback }: { port: number; link: string; fallback: string },
  work: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quartz-run-board-"));
  try {
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
backend: { kind: loihi, link: "${link}", board: twin, fallback: ${fallback} }
cameras:
  - id: a
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 20, loop: true }
  - id: b
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 20, loop: true }
mqtt: { url: "mqtt://127.0.0.1:${port}" }
telemetry: { latency_every_s: 1, health_every_s: 1 }
log: { format: json }
`,
    );
    await work(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const resultsOf = (heard: readonly { topic: string; text: string }[], camera: string): Result[] =>
  heard.filter(({ topic }) => topic === `quartz/gw1/cam/${camera}/result`).map(({ text }) => JSON.parse(text));
const count = (results: readonly Result[], backend: string) => results.filter((r) => r.backend === backend).length;

Deno.test("run on a board: two cameras share it, the simulator stands in while it is gone, and each result says so", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  const first = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  await withConfig({ port: broker.port, link: first.address, fallback: "simulator" }, async (path) => {
    await using program = startProgram(["run", "--config", path]);
    await listener.until((heard) => ["a", "b"].every((c) => count(resultsOf(heard, c), "loihi") >= 10), 30_000);
    await first.kill();
    await listener.until((heard) => ["a", "b"].every((c) => count(resultsOf(heard, c), "simulator") >= 10), 30_000);
    await using _second = await startTwin(["--listen", first.address]);
    await listener.until((heard) =>
      ["a", "b"].every((c) => {
        const results = resultsOf(heard, c);
        return count(results.slice(results.findLastIndex((r) => r.backend === "simulator")), "loihi") >= 10;
      }), 30_000);
    const { code } = await program.stop("SIGTERM");
    assert.equal(code, 0, program.lines.join("\n"));
  });
  for (const camera of ["a", "b"]) {
    const results = resultsOf(listener.heard, camera);
    const right = results.filter((result) => result.class === result.truth).length;
    assert.ok(right / results.length > 0.97, `${right} of ${results.length} right`);
    // A board does not count single spikes inside it, and says nothing instead of something wrong.
    assert.ok(results.every(({ backend, snn }) => (snn.synops_events === undefined) === (backend === "loihi")));
  }
  for (const { topic, text } of listener.heard) {
    if (topic !== "quartz/gw1/health") continue;
    for (const { frames } of JSON.parse(text).cameras) {
      const { captured, classified, in_flight, dropped_busy, dropped_stale, dropped_malformed, dropped_failed } =
        frames;
      assert.equal(
        captured,
        classified + in_flight + dropped_busy + dropped_stale + dropped_malformed + dropped_failed,
      );
    }
  }
});

Deno.test("run without a board and without a stand-in: frames are counted as failed until it comes", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  const first = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  await first.stop();
  await withConfig({ port: broker.port, link: first.address, fallback: "none" }, async (path) => {
    await using program = startProgram(["run", "--config", path]);
    await listener.until(
      (heard) =>
        heard.some(({ topic, text }) =>
          topic === "quartz/gw1/health" && JSON.parse(text).cameras[0].frames.dropped_failed > 0
        ),
      30_000,
    );
    await using _twin = await startTwin(["--listen", first.address]);
    await listener.until((heard) => count(resultsOf(heard, "a"), "loihi") >= 5, 30_000);
    assert.equal(count(resultsOf(listener.heard, "a"), "simulator"), 0);
    assert.equal((await program.stop("SIGTERM")).code, 0);
  });
});
