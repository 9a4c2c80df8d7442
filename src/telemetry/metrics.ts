/**
 * Every metric's name, type and meaning, once. Base units; a unit is a name's last word, before `_total` of a counter.
 *
 * Measured and estimated power are different metrics, and so are stages and the whole: what must not be added has no name
 * in common.
 */

import type { MetricSpec } from "./prometheus_text.ts";

/** The table, in the order in which metrics are written. */
export const METRICS = {
  quartz_build_info: gauge("Always 1: the program's version and what it runs on."),
  quartz_gateway_info: gauge("Always 1: which gateway this is and the SHA-256 of its configuration."),
  quartz_uptime_seconds: gauge("Since the program started."),
  process_resident_memory_bytes: gauge("Memory in use."),
  quartz_problems: gauge("Things that are wrong now."),
  quartz_problem_active: gauge("1 for each thing that is wrong now."),

  quartz_camera_info: gauge("Always 1: a camera's source, network and back end."),
  quartz_camera_status: gauge("1 for the status that a camera has, 0 for the others."),
  quartz_camera_class_info: gauge("Always 1: the class that stands, after thresholds and votes."),
  quartz_camera_class_confidence: gauge("Softmax of the class that stands, 0 to 1, not calibrated."),
  quartz_camera_class_since_timestamp_seconds: gauge("Since when the class has stood, by the gateway's clock."),

  quartz_frames_captured_total: counter("Frames from a camera; captured = classified + dropped + in flight."),
  quartz_frames_classified_total: counter("Frames that were classified."),
  quartz_frames_dropped_total: counter(
    "Frames that were not: busy (a newer one came), stale (too old), malformed (no image), failed (back end).",
  ),
  quartz_frames_in_flight: gauge("Frames that wait or are being classified."),
  quartz_frame_latency_seconds: histogram("From capture to decision, of classified frames."),
  quartz_stage_duration_seconds: histogram("Time of a classified frame in each stage of its way."),
  quartz_snn_steps: gauge("Time steps that the whole network takes for a frame."),
  quartz_snn_decision_step_p50: gauge("Median step of the first output spike over the last window."),
  quartz_snn_spikes_per_frame: gauge("Mean spikes of a frame over the last window."),
  quartz_shadow_frames_total: counter("Frames that the source network classified too."),
  quartz_shadow_agreed_total: counter("Of these, with the same class."),
  quartz_shadow_failed_total: counter("Frames on which the source network failed."),

  quartz_gateway_power_measured_watts: gauge("The whole gateway, mean over the last window; absent when not measured."),
  quartz_gateway_power_estimated_watts: gauge("The whole gateway by a model; absent when it is measured."),
  quartz_power_source_up: gauge("1 when a power source gave a valid figure in the last window, 0 when it is stale."),
  quartz_power_measured_watts: gauge(
    "Mean of a meter over the last window. Meters may cover one another: do not add them.",
  ),
  quartz_power_estimated_watts: gauge("Mean of a model over the last window. Models may cover one another."),
  quartz_energy_measured_joules_total: counter("Energy of a meter. Meters may cover one another: do not add them."),
  quartz_energy_estimated_joules_total: counter("Energy by a model. Models may cover one another: do not add them."),
  quartz_idle_power_measured_watts: gauge("Measured while no frame was run."),
  quartz_idle_power_estimated_watts: gauge("By a model, while no frame is run."),
  quartz_inference_energy_measured_joules: gauge("Energy of a meter over the last window, divided by its inferences."),
  quartz_inference_energy_estimated_joules: gauge("Energy by a model over the last window, divided by its inferences."),
  quartz_inference_dynamic_energy_measured_joules: gauge("The same, less what idling takes in that time."),
  quartz_inference_dynamic_energy_estimated_joules: gauge("The same by a model, less what idling takes in that time."),

  quartz_publisher_up: gauge("1 while a publisher's connection stands."),
  quartz_messages_published_total: counter(
    "Messages that the receiver acknowledged (QoS 1) or the socket took (QoS 0).",
  ),
  quartz_messages_dropped_total: counter("Messages that were lost, by kind."),
  quartz_messages_replaced_total: counter("Kept messages that a newer one replaced before they were sent."),
  quartz_messages_recovered_total: counter("Messages found on disk from an earlier run."),
  quartz_messages_queued: gauge("Messages that wait in memory or on disk, or are on their way."),
  quartz_spool_bytes: gauge("Size of the spool on disk."),
  quartz_spool_written_total: counter("Messages written to the spool."),
  quartz_spool_lost_total: counter("Messages of the spool that were lost: evicted, expired or damaged."),
} as const satisfies Record<string, MetricSpec>;

/** Name of a metric. */
export type MetricName = keyof typeof METRICS;

// ---------------------------------------------------------------------------------------------------------------------

function gauge(help: string): MetricSpec {
  return { type: "gauge", help };
}

function counter(help: string): MetricSpec {
  return { type: "counter", help };
}

function histogram(help: string): MetricSpec {
  return { type: "histogram", help };
}
