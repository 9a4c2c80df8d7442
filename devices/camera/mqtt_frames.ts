/**
 * Pictures published on an MQTT topic, as binary JPEG, PNG or raw; with a shared subscription several runtimes split
 * one stream.
 *
 * There is no queue here: a message is acknowledged when the consumer asks for the next one, so a consumer that is
 * slow holds the broker back, and a picture whose runtime died is the broker's to deliver again.
 */

import mqtt from "mqtt";
import type { Clock } from "../../src/core/clock.ts";
import { CameraError, type Issue } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import { redactSecrets, redactUrl } from "../../src/core/redact.ts";
import type { CameraSource, MalformedFrame } from "../../src/ports/camera_source.ts";
import { createCameraSource } from "./camera_shell.ts";
import { IMAGE_BYTES_MAX } from "./image_checks.ts";
import { decodeImage } from "./image_files.ts";
import { type BadPicture, checkPacedOptions, openProblems, type Picture } from "./paced_source.ts";

/** The broker and how to log in there. */
export interface FrameBroker {
  /** `mqtt`, `mqtts`, `ws` or `wss`, without credentials. */
  readonly url: string;
  /** This camera's own: a second client with it throws the first one out. */
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM texts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** `auto`: 5, and 3.1.1 when the broker refuses it. */
  readonly protocol: "auto" | "5" | "3.1.1";
  readonly connectTimeoutMs: number;
}

/** Which messages are pictures. */
export interface MqttFramesOptions {
  /** `[a-z0-9_-]{1,64}`. */
  readonly id: string;
  readonly broker: FrameBroker;
  /** Without wildcards. */
  readonly topic: string;
  /** Group of a shared subscription: each message goes to one of its members. */
  readonly share: string | null;
  /** `newest`: a live camera, of which the newest picture counts. `all`: every picture is waited for. */
  readonly keep: "newest" | "all";
  /** Size of raw pictures, bytes `[height, width, channels]`; null: JPEG or PNG. */
  readonly raw: { readonly width: number; readonly height: number; readonly channels: 1 | 3 } | null;
  /** Longest message, bytes; longer ones are malformed. */
  readonly bytesMax: number;
  /** Ends after so many frames. */
  readonly limit?: number;
  readonly clock: Clock;
}

/** Messages that an MQTT 5 broker may send ahead. */
const RECEIVE_MAX = 4;
/** Longest packet that an MQTT 5 broker may send at all: far over `bytesMax`, so that a long picture is seen and counted. */
const PACKET_BYTES_MAX = IMAGE_BYTES_MAX + 4096;
const KEEPALIVE_S = 20;
/** CONNACK codes for a version that the broker does not speak: MQTT 3.1.1 and 5. */
const VERSION_CODES: readonly unknown[] = [1, 132];

/**
 * Opens a subscription; it connects with the first frame that is asked for.
 *
 * Its frames throw `camera.open` when the broker cannot be reached or refuses, `camera.lost` when the connection ends.
 * Silence on the topic is no fault: whoever publishes there sets the pace.
 *
 * @throws {CameraError} `camera.open` with everything that is wrong with the options
 */
export function openMqttFrames(options: MqttFramesOptions): Promise<CameraSource> {
  const { id, topic, share, raw, bytesMax } = options;
  const issues: Issue[] = [];
  checkPacedOptions({ ...options, rateFps: null }, issues);
  if (!/^(?![$/])[^+#\p{Cc}]{1,512}$/u.test(topic)) {
    issues.push({ where: "topic", expected: "a topic without + and #", found: JSON.stringify(topic) });
  }
  if (share !== null && !/^[\w-]{1,64}$/.test(share)) {
    issues.push({ where: "share", expected: "1 to 64 of a-z, A-Z, 0-9, _ and -", found: JSON.stringify(share) });
  }
  if (!(bytesMax >= 1 && bytesMax <= IMAGE_BYTES_MAX)) {
    issues.push({ where: "bytes_max", expected: `1 to ${IMAGE_BYTES_MAX}`, found: `${bytesMax}` });
  }
  if (
    raw !== null && !(raw.width * raw.height * raw.channels >= 1 && raw.width * raw.height * raw.channels <= bytesMax)
  ) {
    const found = `${raw.width}x${raw.height}x${raw.channels}`;
    issues.push({ where: "raw", expected: `1 to ${bytesMax} bytes`, found });
  }
  if (issues.length > 0) return Promise.reject(openProblems(id, issues));
  let stream: FrameStream | null = null;
  return Promise.resolve(createCameraSource({
    id,
    pacing: options.keep === "all" ? "on_demand" : "live",
    run: (signal) => run(options, signal, (opened) => stream = opened),
    close: async () => await stream?.close(),
  }));
}

// ---------------------------------------------------------------------------------------------------------------------

async function* run(
  options: MqttFramesOptions,
  signal: AbortSignal,
  onStream: (stream: FrameStream) => void,
): AsyncGenerator<Frame | MalformedFrame> {
  const { clock, broker, limit = Infinity } = options;
  let stream = new FrameStream(options, broker.protocol === "3.1.1" ? 4 : 5);
  const abort = () => void stream.close();
  signal.addEventListener("abort", abort, { once: true });
  onStream(stream);
  try {
    if (signal.aborted) return;
    if (!(await stream.opened()) && broker.protocol === "auto" && VERSION_CODES.includes(stream.refusal)) {
      await stream.close();
      stream = new FrameStream(options, 4);
      onStream(stream);
      if (signal.aborted) return;
      await stream.opened();
    }
    for (let id = 0; id < limit; id++) {
      const message = await stream.next();
      if (signal.aborted) return;
      if (message === null) throw failure(options, stream);
      const at = { capturedAtUs: clock.nowUs(), capturedAtWallMs: clock.wallMs() };
      const picture = read(message, options);
      if ("reason" in picture) yield { id, malformed: true, reason: picture.reason };
      else {yield {
          id,
          ...at,
          ...picture,
          decodeUs: options.raw === null ? clock.nowUs() - at.capturedAtUs : undefined,
        };}
      if (signal.aborted) return;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    await stream.close();
  }
}

function read(
  { payload, retain }: mqtt.IPublishPacket,
  { id, raw, bytesMax }: MqttFramesOptions,
): Picture | BadPicture {
  const bytes = payload as Uint8Array;
  const refuse = (expected: string, found: string) => ({
    reason: `Cannot use a message as it must be ${expected}: found ${found}`,
  });
  if (retain) return refuse("a picture of now", "one that the broker kept");
  if (bytes.length > bytesMax) return refuse(`at most ${bytesMax} bytes`, `${bytes.length}`);
  if (raw !== null) {
    const length = raw.width * raw.height * raw.channels;
    if (bytes.length === length) return { ...raw, pixels: bytes, truth: -1 };
    return refuse(`${raw.width}x${raw.height}x${raw.channels} = ${length} bytes`, `${bytes.length}`);
  }
  try {
    return { ...decodeImage(bytes, `picture of ${id}`), truth: -1 };
  } catch (error) {
    if (error instanceof CameraError) return { reason: error.message };
    throw error;
  }
}

function failure({ id, topic, broker }: MqttFramesOptions, stream: FrameStream): CameraError {
  const code = stream.isSubscribed ? "camera.lost" : "camera.open";
  const verb = stream.isSubscribed ? "go on with" : "open";
  const place = `${broker.url} must let it read ${JSON.stringify(topic)}`;
  const text = `Cannot ${verb} camera ${JSON.stringify(id)} as ${place}: found ${stream.problem}`;
  return new CameraError(code, redactSecrets(redactUrl(text), [broker.password]), {
    hint: stream.isSubscribed ? undefined : "Check the broker's address, user name, password and access rules",
    facts: { camera: id, topic },
  });
}

/** One connection with its subscription. */
class FrameStream {
  /** Why it ended, in words. */
  problem = "the broker closed the connection";
  /** The broker's reason code when it refused the connection. */
  refusal: unknown = null;
  isSubscribed = false;
  readonly #client: mqtt.MqttClient;
  readonly #filter: string;
  readonly #over = Promise.withResolvers<false>();
  #hasEnded = false;
  #waiting: { readonly packet: mqtt.IPublishPacket; readonly done: () => void } | null = null;
  /** Acknowledges the message that the consumer holds. */
  #held: (() => void) | null = null;
  #wake: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor({ broker, topic, share }: MqttFramesOptions, protocolVersion: 4 | 5) {
    this.#filter = share === null ? topic : `$share/${share}/${topic}`;
    const { url, clientId, username, password, tls = {}, connectTimeoutMs } = broker;
    this.#client = mqtt.connect(url, {
      ...tls,
      clientId,
      username,
      password,
      protocolVersion,
      rejectUnauthorized: true,
      // As in the publisher, whose process it shares: no table of packet numbers.
      writeCache: false,
      // Opening again, with its waits, is the camera loop's.
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: connectTimeoutMs,
      keepalive: KEEPALIVE_S,
      timerVariant: "native",
      clean: true,
      ...(protocolVersion === 5
        ? { properties: { receiveMaximum: RECEIVE_MAX, maximumPacketSize: PACKET_BYTES_MAX } }
        : {}),
    });
    this.#client.handleMessage = (packet, done) => {
      this.#waiting = { packet, done: () => done() };
      this.#wake?.();
    };
    this.#client.on("error", (error) => this.#end(error));
    this.#client.on("close", () => this.#end(null));
  }

  /** True when connected and subscribed; false when that failed or was cut short. */
  async opened(): Promise<boolean> {
    const client = this.#client;
    const over = this.#over.promise;
    if (!await Promise.race([over, new Promise<true>((resolve) => client.once("connect", () => resolve(true)))])) {
      return false;
    }
    try {
      // Retain handling 2: an MQTT 5 broker sends no picture that it kept from before.
      const grants = await Promise.race([over, client.subscribeAsync(this.#filter, { qos: 1, rh: 2 })]);
      if (grants && grants.some(({ qos }) => qos > 2)) throw new Error("the subscription refused");
      this.isSubscribed = grants !== false && !this.#hasEnded;
    } catch (error) {
      this.#end(error as Error);
    }
    return this.isSubscribed;
  }

  /** The next message, after the one before was acknowledged; null when there will be none. */
  async next(): Promise<mqtt.IPublishPacket | null> {
    if (!this.#hasEnded) this.#held?.();
    this.#held = null;
    while (this.#waiting === null && !this.#hasEnded) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
    if (this.#waiting === null || this.#hasEnded) return null;
    const { packet, done } = this.#waiting;
    this.#waiting = null;
    this.#held = done;
    return packet;
  }

  /** Ends the connection without goodbye; nothing is left open when it resolves. */
  close(): Promise<void> {
    this.#end(null);
    return this.#closing ??= new Promise<void>((resolve) => this.#client.end(true, () => setImmediate(resolve)));
  }

  #end(error: Error | null): void {
    if (!this.#hasEnded && error !== null) {
      this.problem = error.message || String((error as { code?: unknown }).code);
      this.refusal = (error as { code?: unknown }).code;
    }
    this.#hasEnded = true;
    this.#over.resolve(false);
    this.#wake?.();
  }
}
