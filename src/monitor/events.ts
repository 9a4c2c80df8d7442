/**
 * What a viewer is told, beside the gateway's own messages in their MQTT form (`quartz.latency.v1`, …). Types only.
 *
 * An event's name is its schema's middle: `health`, `latency`, `info`, `state`, `event`, `power` as on MQTT, and those
 * below. snake_case, as everything that leaves the program.
 */

/** First event of a connection, and again when a camera got another network. */
export interface HelloEvent {
  readonly schema: "quartz.page.hello.v1";
  readonly gateway: string;
  readonly version: string;
  readonly cameras: readonly CameraDescription[];
  /** The camera whose frames this viewer is shown. */
  readonly watched: string;
  /** True: a token was asked for, so one can log out. */
  readonly has_token: boolean;
}

/** A camera and what runs its frames. */
export interface CameraDescription {
  readonly camera: string;
  readonly network: string;
  readonly sha256: string;
  readonly t_max: number;
  readonly convention: string;
  readonly labels: readonly string[];
  /** `[channels, height, width]` of the network's input. */
  readonly shape: readonly [number, number, number];
}

/** What was before this viewer came. Oldest first. */
export interface HistoryEvent {
  readonly schema: "quartz.page.history.v1";
  readonly camera: string;
  /** End to end, ms; one row a window of `latency`. */
  readonly latency: readonly {
    readonly ts: string;
    readonly n: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  }[];
  /** Of the source that covers the whole gateway; null where none does. */
  readonly power: readonly { readonly ts: string; readonly power_w: number | null }[];
}

/** The newest changes of a camera's stable class, oldest first. With those that came too fast to be told one by one. */
export interface StatesEvent {
  readonly schema: "quartz.page.states.v1";
  readonly camera: string;
  /** Since the program started. */
  readonly changes: number;
  readonly states: readonly { readonly class: string; readonly since: string }[];
}

/** Where frames went, and how the gateway is; once a second. */
export interface CountsEvent {
  readonly schema: "quartz.page.counts.v1";
  readonly ts: string;
  readonly uptime_s: number;
  readonly rss_bytes: number;
  readonly viewers: number;
  readonly problems: readonly { readonly what: string; readonly since: string; readonly text: string }[];
  readonly broker: {
    readonly state: "connecting" | "online" | "offline";
    readonly queued: number;
    readonly dropped: number;
    readonly published: number;
  };
  readonly cameras: readonly CameraCounts[];
}

/** One camera of `CountsEvent`; counts since the program started. */
export interface CameraCounts {
  readonly camera: string;
  readonly status: "online" | "offline" | "paused" | "error";
  readonly backend: string;
  /** Classified frames a second since the last event; null in the first one. */
  readonly rate_fps: number | null;
  readonly frames: FrameCountsJson;
}

/** captured = classified + in_flight + all dropped. */
export interface FrameCountsJson {
  readonly captured: number;
  readonly classified: number;
  readonly in_flight: number;
  readonly dropped_busy: number;
  readonly dropped_stale: number;
  readonly dropped_malformed: number;
  readonly dropped_failed: number;
}

/** A frame as the network saw it, and what it was taken for. A sample: see `FRAMES_PER_S_MAX`. */
export interface FrameEvent {
  readonly schema: "quartz.page.frame.v1";
  readonly camera: string;
  readonly frame: { readonly id: number; readonly captured: string };
  readonly shape: readonly [number, number, number];
  /** Base64 of the bytes in the order of `shape`. */
  readonly bytes: string;
  readonly class: string;
  readonly index: number;
  readonly confidence: number;
  readonly tie: boolean;
  readonly truth: string | null;
  /** The likeliest classes, at most `CLASSES_MAX`, in output order. */
  readonly classes: readonly { readonly class: string; readonly index: number; readonly p: number }[];
  /** Classes that are not in the list. */
  readonly classes_left_out: number;
  readonly backend: string;
  readonly latency_ms: number;
  readonly snn: {
    readonly timesteps: number;
    readonly decision_step: number;
    readonly spikes: number;
    /** Null when the back end does not count them. */
    readonly early_spikes: number | null;
    readonly synops_events: number | null;
  };
  readonly energy: { readonly per_inference_uj: number; readonly method: "estimated"; readonly scope: string };
}

/** First spikes of all layers for one frame. */
export interface RasterEvent {
  readonly schema: "quartz.page.raster.v1";
  readonly camera: string;
  readonly frame: { readonly id: number };
  readonly class: string;
  /** Whether the outputs of this second run equal the frame's own, spike for spike; they must. */
  readonly equal: boolean;
  /** How long the second run took, off the frame's path. */
  readonly run_ms: number;
  /** Steps on the axis: from `step_min` to `step_max`, counted from the instant at which an input of 1 spikes. */
  readonly step_min: number;
  readonly step_max: number;
  /** The step at which the frame was decided. */
  readonly decision_step: number;
  readonly layers: readonly RasterLayer[];
  /** Of a very deep network some layers are not shown. */
  readonly layers_left_out: number;
}

/** One layer of a raster; the input comes first. */
export interface RasterLayer {
  readonly name: string;
  readonly kind: string;
  readonly neurons: number;
  /** Every so-manyth neuron is in `steps`, in channel, row, column order. */
  readonly every: number;
  /** Step at which each shown neuron spikes. */
  readonly steps: readonly number[];
  /** Of each shown neuron: `e` early, `z` codes zero, `.` neither. */
  readonly marks: string;
  /** Neurons with an early spike that are not among those, with its step: they are few, and shown as well. */
  readonly early_others: readonly { readonly neuron: number; readonly step: number }[];
  /** Of all neurons, shown or not. */
  readonly early: number;
  readonly zero: number;
  readonly first_step: number;
  /** Steps at which the layer's window reads out, and at which silent neurons are made to spike; null where it has none. */
  readonly readout_step: number | null;
  readonly rectification_step: number | null;
}

/** Why there is no raster. */
export interface NoRasterEvent {
  readonly schema: "quartz.page.no_raster.v1";
  readonly camera: string;
  readonly text: string;
}

/** This viewer was too slow and missed events; newer ones of the same kind came in their place. */
export interface MissedEvent {
  readonly schema: "quartz.page.missed.v1";
  readonly total: number;
}
