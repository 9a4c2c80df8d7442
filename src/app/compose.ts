/** A configuration to running parts. The one place that knows every camera, back end and publisher. */

import process from "node:process";
import { openFfmpegCamera } from "../../devices/camera/ffmpeg.ts";
import type { VideoInput } from "../../devices/camera/ffmpeg_args.ts";
import { openSnapshotCamera } from "../../devices/camera/http_snapshot.ts";
import { openMqttFrames } from "../../devices/camera/mqtt_frames.ts";
import { openReplayCamera } from "../../devices/camera/replay.ts";
import { openSyntheticCamera } from "../../devices/camera/synthetic.ts";
import { type CommandHandler, createCommandHandler } from "../commands/command_handler.ts";
import type {
  CameraConfig,
  Config,
  FileSource,
  MjpegSource,
  MqttConfig,
  RtspSource,
  SourceConfig,
  V4l2Source,
} from "../config/types.ts";
import { unreachable } from "../core/assert.ts";
import type { ShadowAnn } from "../convert/shadow.ts";
import type { Clock } from "../core/clock.ts";
import { ConfigError, EdgeError } from "../core/errors.ts";
import type { InfoMessage } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { Random } from "../core/random.ts";
import { openNetwork } from "../model/load.ts";
import type { Backend } from "../ports/backend.ts";
import type { CameraSource } from "../ports/camera_source.ts";
import type { CommandSink } from "../ports/commands.ts";
import type { MessageListener } from "../ports/message_listener.ts";
import type { Publisher } from "../ports/publisher.ts";
import { createPreprocessor } from "../preprocess/pipeline.ts";
import type { Shadow } from "../runtime/shadow_window.ts";
import type { Log } from "../publish/mqtt_options.ts";
import { type MqttPublisher, openMqttPublisher } from "../publish/mqtt_publisher.ts";
import { teePublisher } from "../publish/tee_publisher.ts";
import { type CameraPart, Runtime, type RuntimeObserver } from "../runtime/runtime.ts";
import { LOIHI_ENERGY_MODEL } from "../telemetry/energy_model.ts";
import { type BackendFactory, createBackends } from "./backends.ts";
import { createControls } from "./controls.ts";
import { runtimeInfo, VERSION } from "./version.ts";

/** What composing needs besides the configuration. */
export interface ComposeOptions {
  readonly configSha256: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly observer?: RuntimeObserver;
  /** Who hears every message beside the publisher. */
  readonly listeners?: readonly MessageListener[];
  /** Ends the program so that its supervisor starts it again; without it that command is refused. */
  readonly restart?: () => void;
  /** Most frames that each camera yields; all by default. */
  readonly frameLimit?: number;
}

/** What a camera needs besides the configuration. */
export type CameraOptions = Pick<ComposeOptions, "clock" | "frameLimit">;

/** A runtime that is ready to run, with what it was made of. Disposing stops the publisher, then the back ends. */
export interface Composition extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly publisher: MqttPublisher;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens everything that `config` names. Networks must load; brokers and cameras may be away, they are waited for.
 *
 * @throws {ConfigError} when no broker is configured
 * @throws {ModelError} when a network cannot be loaded
 */
export async function compose(config: Config, options: ComposeOptions): Promise<Composition> {
  if (config.mqtt === null) {
    throw new ConfigError("config.mqtt", "Cannot run as mqtt must name a broker: found nothing", {
      hint:
        "Add `mqtt: { url: mqtt://HOST:1883 }` to the configuration, or try `demo`, which starts a broker of its own",
    });
  }
  const backends: Backend[] = [];
  const factory = createBackends(config, options);
  const shadows: (ShadowAnn | null)[] = [];
  let publisher: MqttPublisher | null = null;
  const close = async () => {
    await publisher?.stop();
    await Promise.all(shadows.map((shadow) => shadow?.[Symbol.asyncDispose]()));
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
    await factory[Symbol.asyncDispose]();
  };
  try {
    const networks = await openNetworks(config);
    for (const camera of config.cameras) {
      const network = networks.get(camera.network)!;
      backends.push(await factory.open(network));
      shadows.push(camera.shadow && await openShadow(camera.shadow.model, network));
    }
    // Commands need the runtime, which needs the publisher, which takes commands in.
    let commands: CommandHandler | null = null;
    publisher = openPublisher(config, config.mqtt, options, (request, respond) => {
      commands?.sink(request, respond);
    });
    const outlet = teePublisher(publisher, options.listeners ?? [], options.log);
    const runtime = new Runtime({
      cameras: config.cameras.map((camera, index) => ({
        ...cameraPart(config, camera, backends[index], options),
        shadow: shadowOf(camera, shadows[index]),
      })),
      publisher: outlet,
      info: infoMessage(config, backends, options.configSha256),
      clock: options.clock,
      random: options.random,
      latencyEveryS: config.telemetry.latencyEveryS,
      healthEveryS: config.telemetry.healthEveryS,
      rssBytes: () => process.memoryUsage.rss(),
      observer: options.observer,
    });
    commands = openCommands(config, options, { runtime, publisher: outlet, backends, factory });
    return { runtime, publisher, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Every network once, however many cameras use it. */
async function openNetworks(config: Config): Promise<Map<string, Network>> {
  const networks = new Map<string, Network>();
  for (const { network } of config.cameras) {
    if (!networks.has(network)) networks.set(network, await openNetwork(network));
  }
  return networks;
}

/** What takes commands; null when the configuration wants none. */
function openCommands(
  config: Config,
  options: ComposeOptions,
  { factory, ...parts }: {
    readonly runtime: Runtime;
    readonly publisher: Publisher;
    readonly backends: Backend[];
    readonly factory: BackendFactory;
  },
): CommandHandler | null {
  const { commands, cameras } = config;
  if (commands === null) return null;
  const { clock, log, restart, configSha256 } = options;
  const controls = createControls({
    ...parts,
    cameras,
    commands,
    openNetwork,
    openBackend: (network) => factory.open(network),
    cameraPart: (camera, backend) => cameraPart(config, camera, backend, options),
    publishInfo: () => parts.publisher.publish(infoMessage(config, parts.backends, configSha256)),
    restart: () => {
      if (restart === undefined) throw new EdgeError("command.unsupported", "This program cannot restart itself");
      restart();
    },
  });
  const { allow, maxAgeS, ratePerMin } = commands;
  return createCommandHandler({ allow, maxAgeMs: maxAgeS * 1000, ratePerMin, controls, clock, log });
}

/** Imported only where it is asked for: onnxruntime is by far the largest package. */
async function openShadow(model: string, network: Network): Promise<ShadowAnn> {
  return await (await import("../convert/shadow.ts")).openShadowAnn(model, network);
}

function shadowOf(camera: CameraConfig, ann: ShadowAnn | null): Shadow | undefined {
  if (camera.shadow === null || ann === null) return undefined;
  return { every: camera.shadow.every, classify: (bytes) => ann.classify(bytes) };
}

function cameraPart(config: Config, camera: CameraConfig, backend: Backend, options: ComposeOptions): CameraPart {
  const { crop, resize, invert, maxAgeMs, decision } = camera;
  return {
    id: camera.id,
    open: () => openCamera(config, camera, backend.network, options),
    backend,
    preprocessor: createPreprocessor(backend.network.input, {
      crop: cropsItself(camera.source) ? null : crop,
      resize,
      invert,
    }),
    maxAgeMs,
    report: { ...config.publish, decision },
  };
}

/** Opens a camera of the configuration. @throws {CameraError} when it cannot be opened now */
export function openCamera(
  config: Config,
  camera: CameraConfig,
  network: Network,
  options: CameraOptions,
): Promise<CameraSource> {
  const { source, id } = camera;
  const common = { id, classes: network.labels, clock: options.clock, limit: options.frameLimit };
  switch (source.kind) {
    case "replay":
      return openReplayCamera({ ...common, path: source.path, rateFps: source.rateFps, loop: source.loop });
    case "synthetic": {
      const { sprites, width, height, color, rateFps, seed } = source;
      return openSyntheticCamera({ ...common, sprites, width, height, color, rateFps, seed });
    }
    case "v4l2":
    case "rtsp":
    case "mjpeg":
    case "file": {
      // ffmpeg crops and scales: the pipe carries no more pixels than the network reads.
      const [channels, height, width] = network.input.shape;
      const { crop, resize } = camera;
      const output = { width, height, channels: channels === 1 ? 1 : 3, crop, resize } as const;
      return openFfmpegCamera({ ...common, ...output, input: videoInput(source) });
    }
    case "snapshot":
      return openSnapshotCamera({ ...common, ...source, password: source.password?.reveal() ?? null });
    case "mqtt": {
      const { topic, share, keep, raw, bytesMax } = source;
      const channels = raw?.color === "rgb" ? 3 : 1;
      return openMqttFrames({
        ...common,
        broker: { ...brokerTerms(config.mqtt!), clientId: `${config.mqtt!.clientId}-${id}` },
        topic,
        share,
        keep,
        raw: raw && { width: raw.width, height: raw.height, channels },
        bytesMax,
      });
    }
    default:
      return unreachable(source);
  }
}

/** True when the source crops its own frames. */
function cropsItself({ kind }: SourceConfig): boolean {
  return kind === "v4l2" || kind === "rtsp" || kind === "mjpeg" || kind === "file";
}

function videoInput(source: V4l2Source | RtspSource | MjpegSource | FileSource): VideoInput {
  switch (source.kind) {
    case "v4l2": {
      const { width, height, ...rest } = source;
      return { ...rest, captureSize: width === null || height === null ? null : { width, height } };
    }
    case "rtsp":
    case "mjpeg":
      return { transport: "tcp", ...source, password: source.password?.reveal() ?? null };
    case "file":
      return source;
  }
}

/** How to reach the broker, as a client needs it. */
function brokerTerms({ url, username, password, tls, protocol }: MqttConfig) {
  return {
    url,
    username: username ?? undefined,
    password: password?.reveal(),
    tls: tls === null ? undefined : { ca: tls.ca ?? undefined, cert: tls.cert ?? undefined, key: tls.key?.reveal() },
    protocol,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  };
}

function openPublisher(
  config: Config,
  mqtt: MqttConfig,
  options: ComposeOptions,
  sink: CommandSink,
): MqttPublisher {
  const { spool } = config;
  return openMqttPublisher({
    ...brokerTerms(mqtt),
    gatewayId: config.gateway.id,
    baseTopic: mqtt.baseTopic,
    clientId: mqtt.clientId,
    outboxMax: mqtt.outboxMax,
    spool: spool === null ? undefined : {
      folder: spool.path,
      bytesMax: spool.bytesMax,
      ageMaxMs: spool.ageMaxS * 1000,
      syncEveryMs: spool.syncEveryMs,
      backlogPerS: spool.backlogPerS,
    },
    commands: config.commands === null ? undefined : sink,
    clock: options.clock,
    random: options.random,
    log: options.log,
  });
}

/** What this gateway runs; with several networks, the first camera's stands for the gateway. */
function infoMessage(config: Config, backends: readonly Backend[], configSha256: string): InfoMessage {
  const { network, name } = backends[0];
  return {
    kind: "info",
    version: VERSION,
    model: {
      id: network.name,
      sha256: network.digest,
      tMax: network.tMax,
      convention: network.convention,
      labels: network.labels,
      input: { shape: network.input.shape, color: network.input.color },
    },
    backend: name,
    configSha256,
    runtime: runtimeInfo(),
    cameras: config.cameras.map(({ id, source }) => ({ camera: id, source: source.kind })),
    energyModel: LOIHI_ENERGY_MODEL,
  };
}
