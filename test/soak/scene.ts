/** What a soak runs: a real gateway with four cameras, a real broker behind a witness, and whoever feeds and commands it. */

import { writeFileSync } from "node:fs";
import mqtt from "mqtt";
import { openClip } from "../../devices/camera/clip.ts";
import { makeJpegs, makeVideo } from "../support/ffmpeg.ts";
import { accountedFrames, type Gateway, makeGateway, sceneCamera, type WireFrames } from "../support/gateway.ts";
import { pnmOf } from "../support/images.ts";
import { type Mosquitto, openMosquitto } from "../support/mosquitto.ts";
import { type MjpegServer, openMjpegServer } from "../support/mjpeg_server.ts";
import { type MqttProxy, openMqttProxy } from "../support/mqtt_proxy.ts";
import { ROOT, type Running } from "../support/program.ts";

/** A gateway's health as it came over the wire; the part that a soak looks at. */
export interface WireHealth {
  readonly status: "ok" | "degraded";
  readonly broker: { readonly queued: number; readonly dropped: number; readonly published: number };
  readonly cameras: readonly { readonly camera: string; readonly status: string; readonly frames: WireFrames }[];
}

/** The running parts. Disposing ends all of them. */
export interface Scene extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly program: Running;
  readonly broker: Mosquitto;
  /** Between gateway and broker: knows what was acknowledged. */
  readonly witness: MqttProxy;
  readonly yard: MjpegServer;
  readonly sources: { readonly video: string; readonly yard: string };
  readonly pictures: { readonly small: readonly Uint8Array[]; readonly large: readonly Uint8Array[] };
  /** Health messages so far, and those whose frames did not add up. */
  readonly health: { readonly seen: number; readonly wrong: string[]; readonly last: WireHealth | null };
  /** Answers to commands so far, by `ok` and error code. */
  readonly answers: Record<string, number>;
  /** Sends something on the topic that a camera takes for pictures. */
  sendFrame(bytes: Uint8Array): void;
  sendCommand(verb: string, args: unknown): void;
  /** Puts another configuration in the place of the gateway's own, whole or not. */
  rewrite(bytes: Uint8Array): void;
}

/** What a reload may change. */
export interface Variant {
  readonly sceneFps: number;
  readonly votes: number;
  /** A fifth camera. */
  readonly hasGuest: boolean;
}

const FRAMES = "cams/line";
const FRAMES_EVERY_MS = 100;

/** Starts everything; resolves when the gateway runs. */
export async function openScene(folder: string): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await openMosquitto());
  const witness = stack.use(await openMqttProxy(broker.port));
  const yard = stack.use(await openMjpegServer());
  const pictures = { small: makeJpegs(folder, "64x48", 5), large: makeJpegs(folder, "160x120", 5) };
  yard.show(pictures.small, 100);
  const video = makeVideo(folder, { frames: 50, rateFps: 10 });
  const gateway = stack.use(makeGateway({
    cameras: camerasOf({ video, yard: yard.url }, { sceneFps: 20, votes: 3, hasGuest: false }),
    mqtt: { url: witness.url },
    spool: { path: "spool", sync_every_ms: 200, backlog_per_s: 500 },
    commands: { allow: ["ping", "pause", "resume", "snapshot", "set_threshold", "reload"], rate_per_min: 600 },
  }));
  const health = { seen: 0, wrong: [] as string[], last: null as WireHealth | null };
  const answers: Record<string, number> = {};
  const client = stack.adopt(
    await mqtt.connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 100, queueQoSZero: false }),
    (client) => client.endAsync(true),
  );
  client.on("error", () => {}); // the broker is being killed; it comes back
  client.on("message", (topic, payload, packet) => {
    if (topic.endsWith("/health") && !packet.retain) note(JSON.parse(payload.toString()), health);
    if (!topic.includes("/rsp/")) return;
    const { status, error } = JSON.parse(payload.toString());
    answers[error?.code ?? status] = (answers[error?.code ?? status] ?? 0) + 1;
  });
  await client.subscribeAsync(["quartz/gw1/health", "quartz/gw1/rsp/+"], { qos: 1 });
  const send = (topic: string, payload: string | Uint8Array) => {
    if (client.connected) client.publish(topic, payload as never, { qos: 0 }, () => {});
  };
  const { frames, count } = await openClip(`${ROOT}models/mnist-lenet/clip.safetensors.gz`);
  let sent = 0;
  const sendDigit = () => {
    const from = 784 * (sent++ % count);
    send(FRAMES, pnmOf({ width: 28, height: 28, channels: 1, pixels: frames.subarray(from, from + 784) }));
  };
  stack.adopt(setInterval(sendDigit, FRAMES_EVERY_MS), clearInterval);
  const program = stack.use(gateway.start());
  await program.line(/"running"/);
  const owned = stack.move();
  let ids = 0;
  return {
    gateway,
    program,
    broker,
    witness,
    yard,
    sources: { video, yard: yard.url },
    pictures,
    health,
    answers,
    sendFrame: (bytes) => send(FRAMES, bytes),
    sendCommand: (verb, args) =>
      send(`quartz/gw1/cmd/${verb}`, JSON.stringify({ id: `soak-${ids++}`, ts: new Date().toISOString(), args })),
    rewrite: (bytes) => writeFileSync(gateway.path, bytes),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The scene's configuration with another variant of its cameras. */
export function configOf({ gateway, sources }: Pick<Scene, "gateway" | "sources">, variant: Variant): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...gateway.config, cameras: camerasOf(sources, variant) }));
}

// ---

function camerasOf({ video, yard }: Scene["sources"], { sceneFps, votes, hasGuest }: Variant) {
  return [
    { id: "street", source: { kind: "file", path: video, loop: true }, decision: { votes, window: 5 } },
    { id: "yard", source: { kind: "mjpeg", url: yard } },
    sceneCamera("scene", sceneFps),
    { id: "line", source: { kind: "mqtt", topic: FRAMES } },
    ...(hasGuest ? [sceneCamera("guest", 5)] : []),
  ];
}

function note(message: WireHealth, health: { seen: number; wrong: string[]; last: WireHealth | null }): void {
  health.seen++;
  health.last = message;
  for (const { camera, frames } of message.cameras) {
    if (accountedFrames(frames) !== frames.captured) health.wrong.push(`${camera}: ${JSON.stringify(frames)}`);
  }
}
