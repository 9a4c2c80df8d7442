/** A view of a gateway that has everything: each metric has a sample in it. */

import type { MetricsView } from "../../src/telemetry/metrics_view.ts";
import { StageLatencies, STAGES } from "../../src/telemetry/stage_latency.ts";
import { sampleHealth, sampleInfo, sampleLatency, samplePower, sampleState } from "./sample_messages.ts";

/** One camera `door`, two publishers, a spool, power both measured and estimated. */
export function sampleView(): MetricsView {
  const latencies = new StageLatencies();
  for (const stage of STAGES) for (const us of [80, 1900, 2400, 44_125, 12_000_000]) latencies.record(stage, us);
  const droppedByKind = { info: 0, health: 0, latency: 3, power: 1, cameraStatus: 0, state: 0, result: 2, event: 0 };
  const counts = { recovered: 4, queued: 1, published: 40, replaced: 2, dropped: 6, droppedByKind };
  const power = samplePower();
  return {
    gatewayId: "gw",
    info: sampleInfo(),
    uptimeMs: 61_500,
    rssBytes: 90_000_000,
    problems: sampleHealth().problems,
    cameras: [{
      id: "door",
      network: { name: "mnist-q8", digest: "9b1e".repeat(16) },
      backend: "simulator",
      status: "online",
      counts: sampleHealth().cameras[0].frames,
      latencies,
      shadow: { frames: 10, agreed: 9, failed: 1 },
      state: sampleState(),
      window: sampleLatency(),
    }],
    publishers: [{ name: "mqtt", state: "online", counts }, { name: "sparkplug", state: "offline", counts }],
    spool: { bytes: 4096, written: 30, evicted: 2, expired: 1, damaged: 0 },
    power,
  };
}
