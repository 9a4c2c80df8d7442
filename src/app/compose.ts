/** A configuration to running parts. The one place that knows every camera, back end and publisher. */

import process from "node:process";
import { openReplayCamera } from "../../devices/camera/replay.ts";
import { openSyntheticCamera } from "../../devices/camera/synthetic.ts";
import type { CameraConfig, Config, MqttConfig } from "../config/types.ts";
import { unreachable } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import { ConfigError } from "../core/errors.ts";
import type { InfoMessage } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { Random } from "../core/random.ts";
import { openNetwork } from "../model/load.ts";
import type { Backend } from "../ports/backend.ts";
import type { CameraSource } from "../ports/camera_source.ts";
import { createPreprocessor } from "../preprocess/pipeline.ts";
import type { Log } from "../publish/mqtt_options.ts";
import { type MqttPublisher, openMqttPublisher } from "../publish/mqtt_publisher.ts";
import { type CameraPart, Runtime, type RuntimeObserver } from "../runtime/runtime.ts";
import { openSimulator } from "../simulator/simulator.ts";
import { LOIHI_ENERGY_MODEL } from "../telemetry/energy_model.ts";
import { runtimeInfo, VERSION } from "./version.ts";

/** What composing needs besides the configuration. */
export interface ComposeOptions {
  readonly configSha256: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly observer?: RuntimeObserver;
  /** Most frames that each camera yields; all by default. */
  readonly frameLimit?: number;
}

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
  const closeBackends = () => Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  try {
    const networks = await openNetworks(config);
    for (const camera of config.cameras) backends.push(await openSimulator(networks.get(camera.network)!));
    const publisher = openPublisher(config, config.mqtt, options);
    const runtime = new Runtime({
      cameras: config.cameras.map((camera, index) => cameraPart(config, camera, backends[index], options)),
      publisher,
      info: infoMessage(config, backends, options.configSha256),
      clock: options.clock,
      random: options.random,
      latencyEveryS: config.telemetry.latencyEveryS,
      healthEveryS: config.telemetry.healthEveryS,
      rssBytes: () => process.memoryUsage.rss(),
      observer: options.observer,
    });
    return {
      runtime,
      publisher,
      async [Symbol.asyncDispose]() {
        await publisher.stop();
        await closeBackends();
      },
    };
  } catch (error) {
    await closeBackends();
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

function cameraPart(config: Config, camera: CameraConfig, backend: Backend, options: ComposeOptions): CameraPart {
  const { crop, resize, invert, maxAgeMs } = camera;
  return {
    id: camera.id,
    open: () => openCamera(camera, backend.network, options),
    backend,
    preprocessor: createPreprocessor(backend.network.input, { crop, resize, invert }),
    maxAgeMs,
    report: config.publish,
  };
}

function openCamera(camera: CameraConfig, network: Network, options: ComposeOptions): Promise<CameraSource> {
  const { source, id } = camera;
  const common = { id, classes: network.labels, clock: options.clock, limit: options.frameLimit };
  switch (source.kind) {
    case "replay":
      return openReplayCamera({ ...common, path: source.path, rateFps: source.rateFps, loop: source.loop });
    case "synthetic": {
      const { sprites, width, height, color, rateFps, seed } = source;
      return openSyntheticCamera({ ...common, sprites, width, height, color, rateFps, seed });
    }
    default:
      return unreachable(source);
  }
}

function openPublisher(config: Config, mqtt: MqttConfig, options: ComposeOptions): MqttPublisher {
  const tls = mqtt.tls === null ? undefined : {
    ca: mqtt.tls.ca ?? undefined,
    cert: mqtt.tls.cert ?? undefined,
    key: mqtt.tls.key?.reveal(),
  };
  return openMqttPublisher({
    url: mqtt.url,
    gatewayId: config.gateway.id,
    baseTopic: mqtt.baseTopic,
    clientId: mqtt.clientId,
    username: mqtt.username ?? undefined,
    password: mqtt.password?.reveal(),
    tls,
    protocol: mqtt.protocol,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    outboxMax: mqtt.outboxMax,
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
