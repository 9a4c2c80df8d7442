/** A composed gateway as its exporters of metrics see it. */

import process from "node:process";
import type { Clock } from "../../core/clock.ts";
import type { InfoMessage } from "../../core/messages.ts";
import type { Publisher } from "../../ports/publisher.ts";
import type { MqttPublisher } from "../../publish/mqtt_publisher.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { LatestMessages } from "../../telemetry/latest_messages.ts";
import type { MetricsView } from "../../telemetry/metrics_view.ts";
import { runtimeInfo, VERSION } from "../version.ts";

/** Where the figures come from. */
export interface MetricsParts {
  readonly gatewayId: string;
  /** Until the runtime publishes one. */
  readonly info: InfoMessage;
  readonly latest: LatestMessages;
  readonly runtime: Runtime;
  readonly mqtt: MqttPublisher;
  readonly sparkplug: Pick<Publisher, "state" | "counts"> | null;
  readonly clock: Clock;
}

/** Gives the figures of the moment in which it is called. */
export function createMetricsView(
  { gatewayId, info, latest, runtime, mqtt, sparkplug, clock }: MetricsParts,
): () => MetricsView {
  const startUs = clock.nowUs();
  return () => ({
    gatewayId,
    info: latest.info ?? info,
    uptimeMs: (clock.nowUs() - startUs) / 1000,
    rssBytes: process.memoryUsage.rss(),
    problems: runtime.problems,
    cameras: runtime.cameras.map((camera) => ({ ...camera, ...latest.camera(camera.id) })),
    publishers: [
      { name: "mqtt", state: mqtt.state, counts: mqtt.counts },
      ...(sparkplug === null ? [] : [{ name: "sparkplug", state: sparkplug.state, counts: sparkplug.counts }]),
    ],
    spool: mqtt.spoolCounts,
    power: latest.power,
  });
}

/** Where Deno's own exporter is on (OTEL_DENO=true), lets it see the figures; null where it is not, as under Node. */
export async function exportToOpenTelemetry(view: () => MetricsView): Promise<AsyncDisposable | null> {
  if (runtimeInfo().name !== "deno" || !["true", "1"].includes(process.env.OTEL_DENO ?? "")) return null;
  const { exportMetrics } = await import("../../telemetry/open_telemetry.ts");
  const exported = exportMetrics(view, VERSION);
  return { [Symbol.asyncDispose]: () => Promise.resolve(exported[Symbol.dispose]()) };
}
