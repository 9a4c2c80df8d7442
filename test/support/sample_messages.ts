/** One message of each kind, for tests that care about delivery and not about content. */

import type {
  CameraStatusMessage,
  EventMessage,
  FrameCounts,
  HealthMessage,
  InfoMessage,
  LatencyMessage,
  PowerMessage,
  ResultMessage,
  StateMessage,
} from "../../src/core/messages.ts";

const DIGEST = "9b1e".repeat(16);
const WALL_MS = Date.UTC(2026, 7, 24, 9, 15, 2, 371);

const classified = {
  camera: "door",
  classId: "person",
  index: 4,
  confidence: 0.93,
  top: [{ classId: "person", p: 0.93 }, { classId: "dog", p: 0.04 }],
  model: { id: "mnist-q8", sha256: DIGEST },
  backend: "simulator",
  frame: { id: 40211, capturedAtWallMs: WALL_MS, ageMs: 46 },
} as const;

const frames: FrameCounts = {
  captured: 300,
  classified: 95,
  inFlight: 1,
  droppedBusy: 201,
  droppedStale: 3,
  droppedMalformed: 0,
  droppedFailed: 0,
};

/** A result; `id` goes into `frame.id`, so that a listener can tell which one it got. */
export function sampleResult(id = 0): ResultMessage {
  return {
    ...classified,
    kind: "result",
    frame: { ...classified.frame, id },
    tie: false,
    truth: "person",
    latencyMs: 44.125,
    snn: { timesteps: 256, decisionStep: 71, spikes: 18234, earlySpikes: 12, synopsEvents: 190_000 },
    energy: { perInferenceUj: 31, method: "estimated", scope: "inference" },
  };
}

/** A state of class `classId`. */
export function sampleState(classId = "person"): StateMessage {
  return { ...classified, kind: "state", classId, sinceWallMs: WALL_MS - 4270 };
}

/** A latency report over `windowMs`. */
export function sampleLatency(windowMs = 10_000): LatencyMessage {
  const stage = { count: 95, p50Ms: 1.9, p90Ms: 2.4, p99Ms: 6, p999Ms: 9.1, maxMs: 9.1 };
  return {
    kind: "latency",
    camera: "door",
    windowMs,
    frames,
    stages: { decode: stage, preprocess: stage, encode: stage, infer: stage, decide: stage, endToEnd: stage },
    snn: { timesteps: 256, decisionStepP50: 71, spikesPerInference: 18234 },
  };
}

/** A power report over `windowMs`: a rail that covers the gateway, one that fell silent, and an estimate. */
export function samplePower(windowMs = 10_000): PowerMessage {
  return {
    kind: "power",
    windowMs,
    sources: [
      {
        id: "vdd_in",
        kind: "ina3221",
        scope: "board",
        method: "measured",
        state: "ok",
        powerW: 6.42,
        energyJ: 64.2,
        energyTotalJ: 918_233.1,
        voltageV: 5.07,
        currentA: 1.266,
        samples: 100,
        gaps: 0,
      },
      {
        id: "vdd_cpu",
        kind: "ina3221",
        scope: "rail",
        method: "measured",
        state: "stale",
        problem: "gone",
        powerW: null,
        energyJ: null,
        energyTotalJ: 1200.5,
        samples: 0,
        gaps: 1,
      },
      {
        id: "snn_model",
        kind: "model",
        scope: "inference",
        method: "estimated",
        state: "ok",
        powerW: 0.0003,
        energyJ: 0.003,
        energyTotalJ: 4.5,
        samples: 96,
        gaps: 0,
      },
    ],
    total: { source: "vdd_in", powerW: 6.42, method: "measured" },
    perInference: [{
      source: "vdd_in",
      scope: "board",
      method: "measured",
      inferences: 96,
      energyJ: 0.66875,
      idlePowerW: 3.9,
      dynamicEnergyJ: 0.2625,
      edpJs: 0.029425,
    }],
  };
}

/** A health report with one problem. */
export function sampleHealth(): HealthMessage {
  return {
    kind: "health",
    status: "degraded",
    problems: [{ what: "camera.door", sinceWallMs: WALL_MS, text: "no frame for 5 s" }],
    uptimeMs: 61_500,
    rssBytes: 90_000_000,
    broker: { state: "online", queued: 0, dropped: 0, published: 12 },
    cameras: [{ camera: "door", status: "online", threshold: 0.6, frames }],
  };
}

/** What a gateway says about itself. */
export function sampleInfo(): InfoMessage {
  return {
    kind: "info",
    version: "0.1.0",
    model: {
      id: "mnist-q8",
      sha256: DIGEST,
      tMax: 64,
      convention: "quartz-2023",
      labels: ["person", "dog"],
      input: { shape: [1, 28, 28], color: "grey" },
    },
    backend: "simulator",
    configSha256: DIGEST,
    runtime: { name: "deno", version: "2.9.5" },
    cameras: [{ camera: "door", source: "clip" }],
    energyModel: { source: "Davies et al. 2018", coefficients: { per_synop_pj: 23.6 } },
  };
}

/** A camera's availability. */
export function sampleCameraStatus(status: CameraStatusMessage["status"] = "online"): CameraStatusMessage {
  return { kind: "cameraStatus", camera: "door", status };
}

/** An event of a camera. */
export function sampleEvent(): EventMessage {
  return { kind: "event", event: "camera_lost", camera: "door", text: "no frame for 5 s", facts: { attempts: 2 } };
}
