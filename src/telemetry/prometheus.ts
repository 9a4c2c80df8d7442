/** A gateway's metrics as Prometheus reads them. Pure: the same view gives the same text. */

import type { CameraStatus, FrameCounts, Method, PowerMessage } from "../core/messages.ts";
import { type MetricName, METRICS } from "./metrics.ts";
import type { CameraMetrics, MetricsView, PublisherMetrics, SpoolMetrics } from "./metrics_view.ts";
import { ExpositionText } from "./prometheus_text.ts";
import { type Stage, type StageLatencies, STAGES } from "./stage_latency.ts";

/** Upper bounds of the buckets of every latency, s: the same for all stages, so that they can be compared. */
export const LATENCY_BOUNDS_S: readonly number[] = [
  0.00001,
  0.000025,
  0.00005,
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

type Text = MetricSink;

const BOUNDS_US = LATENCY_BOUNDS_S.map((bound) => Math.round(bound * 1e6));
const STATUSES: readonly CameraStatus[] = ["online", "offline", "paused", "error"];
const DROP_REASONS: Readonly<Record<string, keyof FrameCounts>> = {
  busy: "droppedBusy",
  stale: "droppedStale",
  malformed: "droppedMalformed",
  failed: "droppedFailed",
};

/** Takes the figures of a view, one after the other. */
export type MetricSink = Pick<ExpositionText<MetricName>, "add" | "addHistogram">;

/** The body of an answer to GET /metrics; see `METRICS_CONTENT_TYPE`. */
export function renderMetrics(view: MetricsView): string {
  const text = new ExpositionText(METRICS);
  collectMetrics(view, text);
  return text.toString();
}

/** Gives every figure of a view to `text`. */
export function collectMetrics(view: MetricsView, text: MetricSink): void {
  addGateway(text, view);
  for (const camera of view.cameras) {
    const source = view.info.cameras.find((listed) => listed.camera === camera.id)?.source ?? "unknown";
    addCamera(text, camera, source);
    addFrames(text, camera);
    addLatencies(text, camera.id, camera.latencies);
    addNetwork(text, camera);
  }
  if (view.power !== null) addPower(text, view.power);
  for (const publisher of view.publishers) addPublisher(text, publisher);
  if (view.spool !== null) addSpool(text, view.spool);
}

// ---------------------------------------------------------------------------------------------------------------------

function addGateway(text: Text, { gatewayId, info, uptimeMs, rssBytes, problems }: MetricsView): void {
  const { version, runtime, configSha256 } = info;
  text.add("quartz_build_info", { version, runtime: runtime.name, runtime_version: runtime.version }, 1);
  text.add("quartz_gateway_info", { gateway: gatewayId, config_sha256: configSha256 }, 1);
  text.add("quartz_uptime_seconds", {}, uptimeMs / 1000);
  text.add("process_resident_memory_bytes", {}, rssBytes);
  text.add("quartz_problems", {}, problems.length);
  for (const what of new Set(problems.map((problem) => problem.what))) text.add("quartz_problem_active", { what }, 1);
}

function addCamera(text: Text, { id: camera, network, backend, status, state }: CameraMetrics, source: string): void {
  const { name, digest } = network;
  text.add("quartz_camera_info", { camera, source, network: name, network_sha256: digest, backend }, 1);
  for (const one of STATUSES) text.add("quartz_camera_status", { camera, status: one }, one === status ? 1 : 0);
  if (state === null) return;
  text.add("quartz_camera_class_info", { camera, class: state.classId }, 1);
  text.add("quartz_camera_class_confidence", { camera }, state.confidence);
  text.add("quartz_camera_class_since_timestamp_seconds", { camera }, state.sinceWallMs / 1000);
}

function addFrames(text: Text, { id: camera, counts }: CameraMetrics): void {
  text.add("quartz_frames_captured_total", { camera }, counts.captured);
  text.add("quartz_frames_classified_total", { camera }, counts.classified);
  for (const [reason, field] of Object.entries(DROP_REASONS)) {
    text.add("quartz_frames_dropped_total", { camera, reason }, counts[field]);
  }
  text.add("quartz_frames_in_flight", { camera }, counts.inFlight);
}

function addLatencies(text: Text, camera: string, latencies: StageLatencies): void {
  const read = (stage: Stage) => {
    const { counts, count, sumUs } = latencies.readCumulative(stage, BOUNDS_US);
    return { bounds: LATENCY_BOUNDS_S, counts, count, sum: sumUs / 1e6 };
  };
  text.addHistogram("quartz_frame_latency_seconds", { camera }, read("endToEnd"));
  for (const stage of STAGES) {
    if (stage !== "endToEnd" && latencies.has(stage)) {
      text.addHistogram("quartz_stage_duration_seconds", { camera, stage }, read(stage));
    }
  }
}

function addNetwork(text: Text, { id: camera, window, shadow }: CameraMetrics): void {
  const snn = window?.snn;
  if (snn !== undefined) {
    text.add("quartz_snn_steps", { camera }, snn.timesteps);
    text.add("quartz_snn_decision_step_p50", { camera }, snn.decisionStepP50);
    text.add("quartz_snn_spikes_per_frame", { camera }, snn.spikesPerInference);
  }
  if (shadow === null) return;
  text.add("quartz_shadow_frames_total", { camera }, shadow.frames);
  text.add("quartz_shadow_agreed_total", { camera }, shadow.agreed);
  text.add("quartz_shadow_failed_total", { camera }, shadow.failed);
}

/** Metrics of one quantity, one a method: no name holds both. */
const BY_METHOD = {
  gateway: { measured: "quartz_gateway_power_measured_watts", estimated: "quartz_gateway_power_estimated_watts" },
  power: { measured: "quartz_power_measured_watts", estimated: "quartz_power_estimated_watts" },
  energy: { measured: "quartz_energy_measured_joules_total", estimated: "quartz_energy_estimated_joules_total" },
  idle: { measured: "quartz_idle_power_measured_watts", estimated: "quartz_idle_power_estimated_watts" },
  inference: {
    measured: "quartz_inference_energy_measured_joules",
    estimated: "quartz_inference_energy_estimated_joules",
  },
  dynamic: {
    measured: "quartz_inference_dynamic_energy_measured_joules",
    estimated: "quartz_inference_dynamic_energy_estimated_joules",
  },
} as const satisfies Record<string, Record<Method, MetricName>>;

function addPower(text: Text, { total, sources, perInference }: PowerMessage): void {
  if (total !== null) text.add(BY_METHOD.gateway[total.method], { source: total.source }, total.powerW);
  for (const { id: source, kind, scope, method, state, powerW, energyTotalJ } of sources) {
    const labels = { source, kind, scope };
    text.add("quartz_power_source_up", { ...labels, method }, state === "ok" ? 1 : 0);
    if (powerW !== null) text.add(BY_METHOD.power[method], labels, powerW);
    if (energyTotalJ !== null) text.add(BY_METHOD.energy[method], labels, energyTotalJ);
  }
  for (const { source, scope, method, energyJ, idlePowerW, dynamicEnergyJ } of perInference) {
    const labels = { source, scope };
    text.add(BY_METHOD.inference[method], labels, energyJ);
    if (idlePowerW !== null) text.add(BY_METHOD.idle[method], labels, idlePowerW);
    if (dynamicEnergyJ !== null) text.add(BY_METHOD.dynamic[method], labels, dynamicEnergyJ);
  }
}

function addPublisher(text: Text, { name: publisher, state, counts }: PublisherMetrics): void {
  text.add("quartz_publisher_up", { publisher }, state === "online" ? 1 : 0);
  text.add("quartz_messages_published_total", { publisher }, counts.published);
  for (const [kind, count] of Object.entries(counts.droppedByKind)) {
    text.add("quartz_messages_dropped_total", { publisher, kind }, count);
  }
  text.add("quartz_messages_replaced_total", { publisher }, counts.replaced);
  text.add("quartz_messages_recovered_total", { publisher }, counts.recovered);
  text.add("quartz_messages_queued", { publisher }, counts.queued);
}

function addSpool(text: Text, { bytes, written, evicted, expired, damaged }: SpoolMetrics): void {
  text.add("quartz_spool_bytes", {}, bytes);
  text.add("quartz_spool_written_total", {}, written);
  for (const [reason, count] of Object.entries({ evicted, expired, damaged })) {
    text.add("quartz_spool_lost_total", { reason }, count);
  }
}
