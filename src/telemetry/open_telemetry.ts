/**
 * A gateway's metrics for OpenTelemetry, through the exporter that Deno has built in. The only user of @opentelemetry/api;
 * imported only when that exporter is on.
 *
 * Counters and gauges are observed when the exporter asks: a frame costs nothing. Histograms would have to be recorded
 * frame by frame, which costs more than the frame path may, so latencies are there as sum and count; percentiles are in
 * /metrics and on MQTT.
 */

import { metrics, type Observable } from "@opentelemetry/api";
import { type MetricName, METRICS } from "./metrics.ts";
import type { MetricsView } from "./metrics_view.ts";
import { collectMetrics } from "./prometheus.ts";
import type { MetricSpec } from "./prometheus_text.ts";

/** Units of the metrics by the word that their names end in. */
const UNITS: Readonly<Record<string, string>> = { seconds: "s", joules: "J", watts: "W", bytes: "By" };

/** Lets the exporter see `view` from now on. Disposing ends that. */
export function exportMetrics(view: () => MetricsView, version: string): Disposable {
  const meter = metrics.getMeter("quartz-edge", version);
  const instruments = new Map<string, Observable>();
  const create = (name: string, isCounter: boolean, description: string) => {
    const base = name.replace(/_total$/, "");
    const quantity = base.replace(/_sum$/, "");
    const terms = { description, unit: UNITS[quantity.slice(quantity.lastIndexOf("_") + 1)] ?? "1" };
    const instrument = isCounter
      ? meter.createObservableCounter(base, terms)
      : meter.createObservableGauge(base, terms);
    instruments.set(name, instrument);
  };
  for (const [name, { type, help }] of Object.entries(METRICS) as [MetricName, MetricSpec][]) {
    if (type !== "histogram") create(name, type === "counter", help);
    else for (const part of ["sum", "count"]) create(`${name}_${part}`, true, help);
  }
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    collectMetrics(view(), {
      add: (name, labels, value) => result.observe(instruments.get(name)!, value, labels),
      addHistogram(name, labels, { sum, count }) {
        result.observe(instruments.get(`${name}_sum`)!, sum, labels);
        result.observe(instruments.get(`${name}_count`)!, count, labels);
      },
    });
  };
  const observables = [...instruments.values()];
  meter.addBatchObservableCallback(observe, observables);
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(observe, observables) };
}
