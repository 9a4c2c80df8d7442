/** The configuration as the program reads it: checked, defaults filled in, frozen. Types only. */

import type { CommandVerb } from "../core/commands.ts";
import type { Secret } from "./secret.ts";

/** One gateway's configuration. `null` stands for what was left out. */
export interface Config {
  readonly version: 1;
  readonly gateway: { readonly id: string };
  readonly backend: BackendConfig;
  /** 1 to 16, ids all different. */
  readonly cameras: readonly CameraConfig[];
  /** `null` when no broker is configured. */
  readonly mqtt: MqttConfig | null;
  /** `null`: messages wait in memory. */
  readonly spool: SpoolConfig | null;
  /** `null`: nothing is kept for `report`. */
  readonly history: HistoryConfig | null;
  /** `null`: no commands are taken. */
  readonly commands: CommandsConfig | null;
  /** `null`: there is no page and no `/metrics`. */
  readonly monitor: MonitorConfig | null;
  /** `null`: Home Assistant is told nothing. */
  readonly homeAssistant: HomeAssistantConfig | null;
  /** `null`: this gateway is no Sparkplug edge node. */
  readonly sparkplug: SparkplugConfig | null;
  readonly publish: PublishConfig;
  readonly telemetry: TelemetryConfig;
  readonly power: PowerConfig;
  readonly log: LogConfig;
}

/** What runs the networks; `kind` tells which. */
export type BackendConfig = SimulatorConfig | BoardConfig;

/** The simulator on this machine. */
export interface SimulatorConfig {
  readonly kind: "simulator";
  readonly weightBits: 8 | 16;
  /** Threads that share each frame, 1 to 64. */
  readonly threads: number;
}

/** A Loihi board behind a link; every camera must run the same network. */
export interface BoardConfig {
  readonly kind: "loihi";
  /** `tcp:HOST:PORT` or `serial:PATH`. */
  readonly link: string;
  /** Of a serial line, bit/s. */
  readonly baud: number;
  /** Name of a board, or the path of its file. */
  readonly board: string;
  /** What runs the frames that the board cannot: the simulator, with the board's own integers, or nothing. */
  readonly fallback: "simulator" | "none";
}

/** One camera and what happens to its images before the network sees them. */
export interface CameraConfig {
  readonly id: string;
  /** Path of the network file: the camera's own, or the configuration's default. */
  readonly network: string;
  readonly source: SourceConfig;
  /** Pixels of the source image; `null` = all of it. */
  readonly crop: CropConfig | null;
  readonly resize: "auto" | "area" | "bilinear";
  readonly invert: boolean;
  /** The configuration's own, with this camera's differences. */
  readonly decision: DecisionConfig;
  /** Frames older than this when inference starts are dropped as stale, ms. */
  readonly maxAgeMs: number;
  /** The ONNX model that runs beside the network on one frame in `every`; null = none. */
  readonly shadow: { readonly model: string; readonly every: number } | null;
}

/** Where frames come from; `kind` tells which. */
export type SourceConfig =
  | ReplaySource
  | SyntheticSource
  | V4l2Source
  | RtspSource
  | MjpegSource
  | FileSource
  | SnapshotSource
  | MqttSource;

/** Where figures and events are kept, and how long. */
export interface HistoryConfig {
  readonly path: string;
  readonly daysMax: number;
  readonly bytesMax: number;
  /** Time that a row stands for, s. */
  readonly everyS: number;
}

/** From results to a camera's state; see `runtime/decision.ts`. */
export interface DecisionConfig {
  /** 0 to 1. */
  readonly threshold: number;
  /** 0 to 1. */
  readonly hysteresis: number;
  /** At most `window`. */
  readonly votes: number;
  readonly window: number;
}

/** A recorded clip. */
export interface ReplaySource {
  readonly kind: "replay";
  readonly path: string;
  /** Frames a second; `null` = the next one whenever it is asked for. */
  readonly rateFps: number | null;
  readonly loop: boolean;
}

/** Scenes made from known sprites, so that the right answer is known. */
export interface SyntheticSource {
  readonly kind: "synthetic";
  /** Path of the clip whose images are pasted into the scene. */
  readonly sprites: string;
  readonly width: number;
  readonly height: number;
  readonly color: "grey" | "rgb";
  /** Frames a second; `null` = the next one whenever it is asked for. */
  readonly rateFps: number | null;
  readonly seed: number;
}

/** A camera of this machine. */
export interface V4l2Source {
  readonly kind: "v4l2";
  /** Name under `/dev/v4l/by-id`, or a path under `/dev`. */
  readonly device: string;
  readonly inputFormat: string | null;
  /** Both or none. */
  readonly width: number | null;
  readonly height: number | null;
  readonly rateFps: number | null;
}

/** How to log in at a camera. */
export interface CameraCredentials {
  readonly username: string | null;
  readonly password: Secret | null;
}

/** A camera on the network. */
export interface RtspSource extends CameraCredentials {
  readonly kind: "rtsp";
  readonly url: string;
  readonly transport: "tcp" | "udp";
  readonly rateFps: number | null;
}

/** A camera that sends JPEG pictures over HTTP without end. */
export interface MjpegSource extends CameraCredentials {
  readonly kind: "mjpeg";
  readonly url: string;
  readonly rateFps: number | null;
}

/** A video file. */
export interface FileSource {
  readonly kind: "file";
  readonly path: string;
  readonly loop: boolean;
  readonly realtime: boolean;
  readonly rateFps: number | null;
}

/** A picture that is fetched over and over. */
export interface SnapshotSource extends CameraCredentials {
  readonly kind: "snapshot";
  readonly url: string;
  readonly everyS: number;
  readonly timeoutS: number;
  readonly bytesMax: number;
}

/** Pictures published on a topic. */
export interface MqttSource {
  readonly kind: "mqtt";
  readonly topic: string;
  /** Group of the shared subscription. */
  readonly share: string | null;
  readonly keep: "newest" | "all";
  /** Form of raw pictures; `null` = JPEG or PNG. */
  readonly raw: { readonly width: number; readonly height: number; readonly color: "grey" | "rgb" } | null;
  readonly bytesMax: number;
}

/** A rectangle, pixels of the source image. */
export interface CropConfig {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How to reach the broker. */
export interface MqttConfig {
  /** Scheme `mqtt`, `mqtts`, `ws` or `wss`; never holds credentials. */
  readonly url: string;
  readonly baseTopic: string;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: Secret | null;
  readonly protocol: "auto" | "5" | "3.1.1";
  readonly tls: TlsConfig | null;
  /** Most messages that wait while the broker is away. */
  readonly outboxMax: number;
}

/** PEM texts after `loadConfig`, which reads the files; what the file says (a path or a PEM text) after `parseConfig`. */
export interface TlsConfig {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: Secret | null;
}

/** Where messages wait while the broker is away. */
export interface SpoolConfig {
  readonly path: string;
  readonly bytesMax: number;
  readonly ageMaxS: number;
  readonly syncEveryMs: number;
  readonly backlogPerS: number;
}

/** Which commands are taken over MQTT. */
export interface CommandsConfig {
  readonly allow: readonly CommandVerb[];
  readonly maxAgeS: number;
  readonly ratePerMin: number;
  /** What `switch_network` may choose from. */
  readonly networks: readonly { readonly name: string; readonly path: string }[];
}

/** A page to watch the gateway with, and figures for Prometheus. */
export interface MonitorConfig {
  /** `HOST:PORT`. */
  readonly listen: string;
  /** Never null where others than this machine can reach `listen`. */
  readonly token: Secret | null;
  /** Host names under which it is reached, besides `localhost`. */
  readonly hosts: readonly string[];
  readonly viewersMax: number;
  readonly page: boolean;
  readonly metrics: boolean;
}

/** How Home Assistant is told of this gateway. */
export interface HomeAssistantConfig {
  /** Of its discovery topics. */
  readonly prefix: string;
  /** `null` = the gateway's id. */
  readonly name: string | null;
}

/** This gateway as a Sparkplug B edge node. */
export interface SparkplugConfig {
  readonly group: string;
  /** `null` = the gateway's id. */
  readonly node: string | null;
  /** `null`: none is waited for. */
  readonly primaryHost: string | null;
  /** `null`: bdSeq starts anew with the program. */
  readonly stateFile: string | null;
  readonly historyMax: number;
}

/** What is published for each camera. */
export interface PublishConfig {
  readonly mode: "all" | "changes" | "sampled";
  /** Between two results when `mode` is `sampled`, s. */
  readonly sampleEveryS: number;
  /** Classes listed in a result. */
  readonly topK: number;
  /** Longest time between two states of a camera, s. */
  readonly heartbeatS: number;
}

/** How often figures are published, s. */
export interface TelemetryConfig {
  readonly latencyEveryS: number;
  readonly healthEveryS: number;
}

/** How power and energy are measured. */
export interface PowerConfig {
  readonly enabled: boolean;
  readonly everyMs: number;
  readonly windowS: number;
  /** Where sensors are looked for; `null`: nowhere. */
  readonly sysfs: string | null;
  /** Folders with sensors mounted into them. */
  readonly folders: readonly string[];
  readonly meters: readonly (HttpMeterConfig | LineMeterConfig)[];
  /** Id of the source that covers the gateway; `null`: the first one that does. */
  readonly total: string | null;
  readonly maxW: number;
  readonly frozenAfterS: number;
  readonly idleAtStartS: number;
  /** `null`: energies begin at 0 with each start. */
  readonly stateFile: string | null;
}

/** What every configured meter has. */
interface MeterConfig {
  /** Its source's id; all different. */
  readonly id: string;
  /** What its number is multiplied by to be W or Wh. */
  readonly scale: number;
  readonly scope: "board" | "rail" | "accelerator";
}

/** A meter that answers HTTP requests with JSON. */
export interface HttpMeterConfig extends MeterConfig {
  readonly kind: "http";
  readonly url: string;
  readonly username: string | null;
  readonly password: Secret | null;
  /** JSON pointers; exactly one is there. */
  readonly powerPointer: string | null;
  readonly energyPointer: string | null;
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** A meter that writes lines of text. */
export interface LineMeterConfig extends MeterConfig {
  readonly kind: "serial";
  /** `tcp:HOST:PORT` or `serial:PATH`. */
  readonly link: string;
  /** Of a serial line, bit/s. */
  readonly baud: number;
  readonly prefix: string;
}

/** What is logged and how. */
export interface LogConfig {
  readonly level: "error" | "warn" | "info" | "debug";
  readonly format: "auto" | "json" | "pretty";
}
