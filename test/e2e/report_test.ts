/** `report` of what a real `run` kept. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, runTask, startProgram } from "../support/program.ts";

Deno.test("a run keeps its history, and report gives the figures that the run published", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-report-"));
  try {
    await using broker = await openEmbeddedBroker({ port: 0 });
    await using listener = await listen(broker.url);
    const config = join(folder, "edge.yaml");
    await writeFile(
      config,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: digits
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 50, loop: true }
mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }
telemetry: { latency_every_s: 1, health_every_s: 1 }
history: { path: state/history.sqlite }
log: { format: json }
`,
    );
    await using program = startProgram(["run", "--config", config]);
    await listener.until((heard) => heard.filter(({ topic }) => topic.endsWith("/result")).length >= 60, 20_000);
    assert.equal((await program.stop("SIGTERM")).code, 0, program.lines.join("\n"));
    await listener.until((heard) => heard.some(({ text }) => text === "stopped"));
    const last = JSON.parse(listener.heard.findLast(({ topic }) => topic === "quartz/gw1/health")!.text);
    const published = last.cameras[0].frames;

    const page = join(folder, "page.html");
    const { code, stdout, stderr } = await runTask("quartz", ["report", "--config", config, "--json", "-o", page]);
    assert.equal(code, 0, stderr);
    const { cameras: [camera], health, runs } = JSON.parse(stdout);
    assert.equal(camera.frames.captured, published.captured);
    assert.equal(camera.frames.classified, published.classified);
    assert.equal(camera.latency.count, published.classified);
    assert.ok(camera.latency.p50Ms > 0 && camera.latency.p50Ms <= camera.latency.maxMs);
    assert.equal(
      camera.classes.reduce((sum: number, one: { count: number }) => sum + one.count, 0),
      published.classified,
    );
    assert.equal(runs[0].network, "mnist-lenet");
    assert.ok(health.rows > 0);
    assert.match(await readFile(page, "utf8"), /<h1>gw1<\/h1>/);

    for (
      const [args, pattern] of [
        [["report"], /which history: found nothing/],
        [["report", "nowhere.sqlite"], /no such file/],
        [["report", config], /not a database/],
        [["report", "--config", config, "--from", "soon"], /--from: expected a UTC date/],
      ] as const
    ) {
      const failed = await runTask("quartz", args);
      assert.notEqual(failed.code, 0);
      assert.match(failed.stderr, pattern);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
