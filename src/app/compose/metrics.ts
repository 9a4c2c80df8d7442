/** A composed gateway as its exporters of metrics see it. */

import process from "node:process";
import type { Clock } from "../../core/clock.ts";
import type { InfoMessage } from "../../core/messages.ts";
import type { MqttPublisher } from "../../publish/mqtt_publisher.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { LatestMessages } from "../../telemetry/latest_messages.ts";
import type { MetricsView } from "../../telemetry/metrics_view.ts";
import type { Companion } from "./companions.ts";

/** Where the figures come from. */
export interface MetricsParts {
  readonly gatewayId: string;
  /** Until the runtime publishes one. */
  readonly info: InfoMessage;
  readonly latest: LatestMessages;
  readonly runtime: Runtime;
  readonly mqtt: MqttPublisher;
  readonly companions: readonly Companion[];
  readonly clock: Clock;
}

/** Gives the figures of the moment in which it is called. */
export function createMetricsView(
  { gatewayId, info, latest, runtime, mqtt, companions, clock }: MetricsParts,
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
      ...companions.flatMap(({ name, publisher }) =>
        publisher === undefined ? [] : [{ name, state: publisher.state, counts: publisher.counts }]
      ),
    ],
    spool: mqtt.spoolCounts,
    power: latest.power,
  });
}
