/** The metrics text: what it says, that it can be read back, and that nothing in it invites a wrong sum. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { PowerMessage } from "../../../src/core/messages.ts";
import { METRICS } from "../../../src/telemetry/metrics.ts";
import { LATENCY_BOUNDS_S, renderMetrics } from "../../../src/telemetry/prometheus.ts";
import { ExpositionText } from "../../../src/telemetry/prometheus_text.ts";
import { LatestMessages } from "../../../src/telemetry/latest_messages.ts";
import { type Exposition, readExposition } from "../../support/exposition.ts";
import { sampleView } from "../../support/metrics_view.ts";
import { promtool, promtoolAvailable } from "../../support/promtool.ts";
import { sampleLatency, samplePower } from "../../support/sample_messages.ts";

/** The one value of a metric with these labels. */
function valueOf({ samples }: Exposition, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const found = samples.filter((sample) =>
    sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  );
  assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}: ${found.length} samples`);
  return found[0].value;
}

/** A power message that has every figure by both methods. */
function fullPower(): PowerMessage {
  const power = samplePower();
  return {
    ...power,
    perInference: (["measured", "estimated"] as const).map((method) => ({
      source: method === "measured" ? "vdd_in" : "snn_model",
      scope: method === "measured" ? "board" : "inference",
      method,
      inferences: 96,
      energyJ: 0.5,
      idlePowerW: 3.9,
      dynamicEnergyJ: 0.25,
      edpJs: 0.02,
    })),
  };
}

Deno.test("every metric of the table has a sample, and figures come in base units", () => {
  const view = sampleView();
  const estimated = { source: "snn_model", powerW: 1, method: "estimated" } as const;
  const text = renderMetrics({ ...view, power: fullPower() });
  const found = readExposition(text);
  const other = readExposition(renderMetrics({ ...view, power: { ...samplePower(), total: estimated } }));
  assert.deepEqual(new Set([...found.types.keys(), ...other.types.keys()]), new Set(Object.keys(METRICS)));
  assert.equal(valueOf(found, "quartz_uptime_seconds"), 61.5);
  assert.equal(valueOf(found, "quartz_frames_dropped_total", { reason: "busy" }), 201);
  assert.equal(valueOf(found, "quartz_camera_status", { status: "online" }), 1);
  assert.equal(valueOf(found, "quartz_camera_status", { status: "error" }), 0);
  assert.equal(valueOf(found, "quartz_energy_measured_joules_total", { source: "vdd_in" }), 918_233.1);
  assert.equal(valueOf(found, "quartz_messages_dropped_total", { publisher: "mqtt", kind: "latency" }), 3);
  assert.equal(valueOf(found, "quartz_publisher_up", { publisher: "sparkplug" }), 0);
});

Deno.test("a histogram is cumulative, ends at +Inf with the count, and has the exact sum in seconds", () => {
  const found = readExposition(renderMetrics(sampleView()));
  const buckets = found.samples.filter(({ name }) => name === "quartz_frame_latency_seconds_bucket");
  assert.deepEqual(buckets.map(({ labels }) => Number(labels.le.replace("+Inf", "Infinity"))), [
    ...LATENCY_BOUNDS_S,
    Infinity,
  ]);
  assert.deepEqual(buckets.map(({ value }) => value), [0, 0, 0, 1, 1, 1, 1, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5]);
  assert.equal(valueOf(found, "quartz_frame_latency_seconds_count"), 5);
  assert.equal(valueOf(found, "quartz_frame_latency_seconds_sum"), 12.048505);
});

Deno.test("no metric holds both measured and estimated figures, and what is stale has no power", () => {
  const found = readExposition(renderMetrics({ ...sampleView(), power: fullPower() }));
  const methodOf = new Map(fullPower().sources.map(({ id, method }) => [id, method]));
  for (const { name, labels } of found.samples) {
    if (labels.source === undefined || !methodOf.has(labels.source) || name === "quartz_power_source_up") continue;
    assert.ok(name.includes(methodOf.get(labels.source)!), `${name} of ${labels.source}`);
  }
  assert.equal(valueOf(found, "quartz_power_source_up", { source: "vdd_cpu" }), 0);
  assert.ok(!found.samples.some(({ name, labels }) => name.endsWith("_watts") && labels.source === "vdd_cpu"));
});

Deno.test("a gateway that has just started leaves out what it does not know yet", () => {
  const view = sampleView();
  const cameras = view.cameras.map((camera) => ({ ...camera, state: null, window: null, shadow: null }));
  const found = readExposition(renderMetrics({ ...view, cameras, spool: null, power: null, problems: [] }));
  assert.ok(![...found.types.keys()].some((name) => /power|energy|spool|snn|shadow|class_/.test(name)));
  assert.equal(valueOf(found, "quartz_problems"), 0);
});

Deno.test("any text can be a label, and is read back as it was", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "binary" }),
      fc.double({ noNaN: true }),
      (a, b, value) => {
        const text = new ExpositionText({ metric: { type: "gauge", help: 'a \\ and "\n' } });
        text.add("metric", { a, b }, value);
        const { samples } = readExposition(text.toString());
        assert.deepEqual(samples, [{ name: "metric", labels: { a, b }, value: value === 0 ? value + 0 : value }]);
      },
    ),
  );
});

Deno.test("comparisons of the source network add up over windows", () => {
  const latest = new LatestMessages();
  assert.equal(latest.camera("door").shadow, null);
  for (const shadow of [{ frames: 10, agreed: 9, failed: 0 }, undefined, { frames: 5, agreed: 5, failed: 2 }]) {
    latest.onMessage({ ...sampleLatency(), shadow });
  }
  assert.deepEqual(latest.camera("door").shadow, { frames: 15, agreed: 14, failed: 2 });
});

Deno.test({
  name: "promtool finds nothing wrong with the text of a view that has everything (needs Debian package prometheus)",
  ignore: !promtoolAvailable,
  fn() {
    assert.deepEqual(promtool(["check", "metrics"], renderMetrics({ ...sampleView(), power: fullPower() })), {
      ok: true,
      text: "",
    });
    assert.equal(promtool(["check", "metrics"], '# HELP a b\n# TYPE a counter\na{le="} 1\n').ok, false);
  },
});
