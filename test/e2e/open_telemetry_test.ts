/** A gateway under Deno's own OpenTelemetry exporter, and a receiver of OTLP over HTTP that hears what it exports. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { eventually } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: readonly Point[] };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
}
interface Point {
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
}

Deno.test("counters and gauges of a run arrive over OTLP, with their units and labels", async () => {
  const heard = new Map<string, Metric>();
  const receiver = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => body += text).on("end", () => {
      const { resourceMetrics = [] } = JSON.parse(body);
      for (const { scopeMetrics } of resourceMetrics) {
        for (const { metrics } of scopeMetrics) for (const metric of metrics) heard.set(metric.name, metric);
      }
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  await using broker = await openEmbeddedBroker({ port: 0 });
  const folder = await mkdtemp(join(tmpdir(), "quartz-otel-"));
  try {
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: bench
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 40, loop: true }
mqtt: { url: "${broker.url}" }
`,
    );
    await using program = startProgram(["run", "--config", path, "--json"], {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_TRACES_EXPORTER: "none",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "500",
    });
    const value = (name: string) => {
      const metric = heard.get(name);
      const [point] = (metric?.sum ?? metric?.gauge)?.dataPoints ?? [];
      return point === undefined ? undefined : Number(point.asDouble ?? point.asInt);
    };
    await eventually(() => (value("quartz_frames_classified") ?? 0) > 20, "frames", 30_000);
    const classified = heard.get("quartz_frames_classified")!;
    assert.equal(classified.sum?.isMonotonic, true);
    assert.deepEqual(classified.sum?.dataPoints[0].attributes, [{ key: "camera", value: { stringValue: "bench" } }]);
    assert.equal(heard.get("quartz_frame_latency_seconds_sum")?.unit, "s");
    assert.equal(heard.get("process_resident_memory_bytes")?.unit, "By");
    const meanS = value("quartz_frame_latency_seconds_sum")! / value("quartz_frame_latency_seconds_count")!;
    assert.ok(meanS > 0 && meanS < 1, `${meanS} s`);
    assert.equal((await program.stop("SIGTERM")).code, 0);
  } finally {
    await rm(folder, { recursive: true });
    await new Promise((resolve) => receiver.close(resolve));
    receiver.closeAllConnections();
  }
});
