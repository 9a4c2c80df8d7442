/** What the runtime tells the outside world, in camelCase with units; `publish/payload.ts` gives it its wire form. Types only. */

import type { Convention } from "./network.ts";
import type { Shape } from "./shape.ts";

/** Anything that is published. `kind` decides the topic, its quality of service and whether the broker keeps it. */
export type Message =
  | InfoMessage
  | HealthMessage
  | LatencyMessage
  | PowerMessage
  | CameraStatusMessage
  | StateMessage
  | ResultMessage
  | EventMessage;
/** Every `Message["kind"]`. */
export type MessageKind = Message["kind"];

/** How a number was come by; two numbers of different methods are never added. */
export type Method = "measured" | "estimated";

/** What this gateway runs. Kept by the broker; sent at start and on every connect. */
export interface InfoMessage {
  readonly kind: "info";
  /** Version of this program. */
  readonly version: string;
  readonly model: ModelInfo;
  readonly backend: BackendName;
  readonly configSha256: string;
  readonly runtime: { readonly name: "deno" | "node"; readonly version: string };
  readonly cameras: readonly { readonly camera: string; readonly source: string }[];
  /** What the energy estimate multiplies its counters by; null when there is no estimate. */
  readonly energyModel: EnergyModel | null;
  /** Where the figures of `power` come from; absent when power is off. */
  readonly power?: PowerInfo;
}

/** How power and energy are come by on this gateway. */
export interface PowerInfo {
  /** Time between two samples of a meter. */
  readonly everyMs: number;
  /** What `edpJs` multiplies. */
  readonly edpConvention: string;
  /** When the idle power was or will be measured. */
  readonly idleBaseline: string;
  readonly meters: readonly PowerMeterInfo[];
}

/** One source as `info` names it. */
export interface PowerMeterInfo extends Pick<PowerSource, "id" | "kind" | "scope" | "method"> {
  /** The device, its path or address, and what it covers; never a secret. */
  readonly detail: string;
  /** What an estimate multiplies its counters by. */
  readonly model?: EnergyModel;
}

/** The back ends by name. */
export type BackendName = "simulator" | "loihi";

/** The network as its users see it. */
export interface ModelInfo {
  readonly id: string;
  readonly sha256: string;
  readonly tMax: number;
  readonly convention: Convention;
  /** One a class, in output order. */
  readonly labels: readonly string[];
  readonly input: { readonly shape: Shape; readonly color: "grey" | "rgb" };
}

/** Coefficients by name, unit last (`per_synop_pj`), and where they were taken from. */
export interface EnergyModel {
  readonly source: string;
  readonly coefficients: Readonly<Record<string, number>>;
}

/** Whether all is well. Kept by the broker; sent every minute and on change. */
export interface HealthMessage {
  readonly kind: "health";
  readonly status: "ok" | "degraded";
  readonly problems: readonly Problem[];
  /** Since the program started. */
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly broker: BrokerHealth;
  readonly cameras: readonly CameraHealth[];
}

/** Something that is wrong now. */
export interface Problem {
  /** What has it, as a stable id: `broker`, `camera.door`, `spool`. */
  readonly what: string;
  /** Wall clock, ms since 1970 UTC, when it began. */
  readonly sinceWallMs: number;
  /** For people; never a secret. */
  readonly text: string;
}

/** The publisher's own counts at the time of the message. */
export interface BrokerHealth {
  readonly state: "connecting" | "online" | "offline";
  readonly queued: number;
  readonly dropped: number;
  readonly published: number;
}

/** One camera since the program started, so that captured = classified + in flight + Σ dropped holds in every message. */
export interface CameraHealth {
  readonly camera: string;
  readonly status: CameraStatus;
  /** Confidence below which a frame votes for `unknown`, 0 to 1: a command may have changed it. */
  readonly threshold: number;
  readonly frames: FrameCounts;
}

/** Where frames went. */
export interface FrameCounts {
  readonly captured: number;
  readonly classified: number;
  readonly inFlight: number;
  /** A newer frame came before this one could be taken. */
  readonly droppedBusy: number;
  /** Too old when its turn came. */
  readonly droppedStale: number;
  /** Not an image. */
  readonly droppedMalformed: number;
  /** The back end failed on it. */
  readonly droppedFailed: number;
}

/** Speed of one camera over one window. Not kept by the broker. */
export interface LatencyMessage {
  readonly kind: "latency";
  readonly camera: string;
  readonly windowMs: number;
  /** Of the window; `inFlight` is a level, so over a window captured = classified + Σ dropped + its change. */
  readonly frames: FrameCounts;
  readonly stages: {
    /** From capture to its turn: the wait for the frame before it. */
    readonly wait?: StageLatency;
    /** A picture's bytes to pixels, where this program decodes them. */
    readonly decode?: StageLatency;
    readonly preprocess: StageLatency;
    readonly encode: StageLatency;
    readonly infer: StageLatency;
    readonly decide: StageLatency;
    readonly endToEnd: StageLatency;
    /** From handing a result to the publisher to the broker's acknowledgement; only of results that were acknowledged. */
    readonly publish?: StageLatency;
  };
  /** Over the window; absent when it held no classified frame. */
  readonly snn?: {
    /** Steps that the whole network takes for a frame. */
    readonly timesteps: number;
    /** Of the first output spike, which is the decision. */
    readonly decisionStepP50: number;
    readonly decisionStepP99?: number;
    /** Mean, like the two after it. */
    readonly spikesPerInference: number;
    /** Spikes before all input had arrived, as a share of all; absent when the back end does not count them. */
    readonly earlySpikeShare?: number;
    /** Synaptic operations of spikes above zero; absent when the back end does not count them. */
    readonly synopsPerInference?: number;
  };
  /** Comparison with the source network over the window; absent when there was none. */
  readonly shadow?: {
    /** Frames that both classified. */
    readonly frames: number;
    /** Of these, with the same class. */
    readonly agreed: number;
    /** Frames on which the source network failed. */
    readonly failed: number;
  };
}

/** Percentiles of one stage over the window's `count` frames; all 0 when it had none. */
export interface StageLatency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Power and energy of one window. Not kept by the broker. Measured and estimated figures never share a number. */
export interface PowerMessage {
  readonly kind: "power";
  readonly windowMs: number;
  /** Every source by itself; sources may overlap (a rail within a board) and are never added. */
  readonly sources: readonly PowerSource[];
  /** The source that covers the whole gateway; null when none does, or when that one is stale. */
  readonly total: { readonly source: string; readonly powerW: number; readonly method: Method } | null;
  /** Energy of the window over the inferences of the same window, one entry a source that has it; empty without inferences. */
  readonly perInference: readonly EnergyPerInference[];
}

/** What a source covers. */
export type PowerScope = "board" | "rail" | "accelerator" | "inference";

/** One meter, or one of its rails, over a window. */
export interface PowerSource {
  /** Stays the same over restarts and boots: `vdd_in`, `package_0`, `snn_model`. */
  readonly id: string;
  /** `hwmon`, `ina219`, `ina226`, `ina3221`, `powercap`, `http`, `serial`, `board_rail`, `model`. */
  readonly kind: string;
  readonly scope: PowerScope;
  readonly method: Method;
  /** `stale`: no valid sample in this window. Power and energy are null then, never 0. */
  readonly state: "ok" | "stale";
  /** What is wrong with it. */
  readonly problem?: string;
  /** Mean over the part of the window that samples cover. */
  readonly powerW: number | null;
  /** Of that part of the window. */
  readonly energyJ: number | null;
  /** Since the counter began, over restarts. */
  readonly energyTotalJ: number | null;
  readonly voltageV?: number;
  readonly currentA?: number;
  readonly samples: number;
  /** Stretches without a sample for longer than two intervals; what was drawn in the rest of them is not in the energy. */
  readonly gaps: number;
}

/** What an inference cost by one source. */
export interface EnergyPerInference {
  readonly source: string;
  readonly scope: PowerScope;
  readonly method: Method;
  readonly inferences: number;
  /** Gross: energy of the window / inferences. */
  readonly energyJ: number;
  /** Measured while no frame was run; null: not yet. */
  readonly idlePowerW: number | null;
  /** Gross minus what idling takes in the same time; null without an idle power. */
  readonly dynamicEnergyJ: number | null;
  /** `energyJ` · median end-to-end latency of the same window, J·s. */
  readonly edpJs: number;
}

/** A camera's availability; plain text on the wire. */
export type CameraStatus = "online" | "offline" | "paused" | "error";

/** A camera came, went, was paused or failed. Kept by the broker; sent on change. */
export interface CameraStatusMessage {
  readonly kind: "cameraStatus";
  readonly camera: string;
  readonly status: CameraStatus;
}

/** What a frame was taken for. */
export interface ClassifiedMessage {
  readonly camera: string;
  readonly classId: string;
  /** Output index of `classId`; −1 when it is no output of the network (`unknown`). */
  readonly index: number;
  /** 0 to 1. */
  readonly confidence: number;
  /** Most likely classes, best first; `p` from 0 to 1. */
  readonly top: readonly { readonly classId: string; readonly p: number }[];
  readonly model: { readonly id: string; readonly sha256: string };
  readonly backend: BackendName;
  /** `ageMs`: from capture to this message. */
  readonly frame: { readonly id: number; readonly capturedAtWallMs: number; readonly ageMs: number };
}

/** The stable, debounced class of a camera. Kept by the broker; sent on change and as a heartbeat. */
export interface StateMessage extends ClassifiedMessage {
  readonly kind: "state";
  /** Wall clock, ms since 1970 UTC, since when the class has been stable. */
  readonly sinceWallMs: number;
}

/** One classified frame. Not kept by the broker, but delivered. */
export interface ResultMessage extends ClassifiedMessage {
  readonly kind: "result";
  /** Another class had the same level. */
  readonly tie: boolean;
  /** The true class, when the source knows it. */
  readonly truth?: string;
  /** From capture to decision. */
  readonly latencyMs: number;
  readonly snn: {
    /** Steps that the whole network takes for a frame. */
    readonly timesteps: number;
    readonly decisionStep: number;
    readonly spikes: number;
    /** Absent when the back end does not count them: a board does not. */
    readonly earlySpikes?: number;
    readonly synopsEvents?: number;
  };
  /** Absent when neither a meter nor an energy model covers this back end. */
  readonly energy?: {
    readonly perInferenceUj: number;
    readonly method: Method;
    /** What the number covers: `inference`, `board`, … */
    readonly scope: string;
  };
}

/** What an event may be about. */
export type EventName =
  | "camera_lost"
  | "camera_back"
  | "network_switched"
  | "config_reloaded"
  | "spool_dropped"
  | "energy_restarted";

/** Something happened once. Not kept by the broker, but delivered. */
export interface EventMessage {
  readonly kind: "event";
  readonly event: EventName;
  /** The camera that it happened to, if it was one. */
  readonly camera?: string;
  /** For people; never a secret. */
  readonly text: string;
  /** For programs; names are `snake_case`. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}
