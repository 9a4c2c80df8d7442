/**
 * A window into a running gateway: hears its messages, picks frames for those who look, and serves both over HTTP.
 * Read-only: nothing that comes in changes the gateway.
 *
 * While nobody looks it keeps short rings of figures and does nothing else. Whatever goes wrong in it becomes the problem
 * `monitor` of the gateway's health, and never more.
 */

import { type Clock, WALL_MS_PLAUSIBLE } from "../core/clock.ts";
import type { Message, MessageKind, Problem, StateMessage } from "../core/messages.ts";
import type { Random } from "../core/random.ts";
import type { MessageListener } from "../ports/message_listener.ts";
import type { Publisher } from "../ports/publisher.ts";
import { encodeMessage } from "../publish/payload.ts";
import type { FrameResult } from "../runtime/classifier.ts";
import type { CameraView, RuntimeObserver } from "../runtime/runtime.ts";
import type { KernelChoice } from "../simulator/choose_kernel.ts";
import { loadAssets } from "./assets.ts";
import { CountsTicker } from "./counts.ts";
import type { HelloEvent } from "./events.ts";
import { frameEvent, FrameSampler } from "./frame_sampler.ts";
import { History } from "./history.ts";
import { RasterHelper } from "./raster_helper.ts";
import { MonitorServer } from "./server.ts";
import { type ViewerEvent, viewerEvent, Viewers } from "./viewers.ts";

/** Where and to whom the monitor shows itself. */
export interface MonitorTerms {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Null: none is asked for; only for loopback addresses. */
  readonly token: string | null;
  /** Host names besides `localhost` under which it is called. */
  readonly hosts: readonly string[];
  readonly viewersMax: number;
  readonly page: boolean;
}

/** What a monitor is made of. */
export interface MonitorOptions extends MonitorTerms {
  readonly gateway: string;
  readonly version: string;
  /** The kernel whose levels equal those of the back end. */
  readonly kernel: KernelChoice;
  readonly metrics: boolean;
  /** The address that it can be reached at, once it listens. */
  readonly onListening: (url: string) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** The gateway that is watched. */
export interface Watched {
  readonly cameras: readonly CameraView[];
  readonly problems: readonly Problem[];
  setProblem(what: string, text: string | null): void;
  readonly publisher: Pick<Publisher, "state" | "counts">;
  rssBytes(): number;
  /** All figures of the moment, as Prometheus reads them. */
  metricsText(): string;
}

/** Messages whose newest is told to whoever comes. */
const GREETING_KINDS: readonly MessageKind[] = ["info", "health", "power", "latency"];

/** Watches a gateway from `watch` to its disposal. */
export class Monitor implements MessageListener, AsyncDisposable {
  /** For the runtime that is watched. */
  readonly observer: RuntimeObserver = {
    onResult: (camera, result) => this.#onResult(camera, result),
  };
  readonly #options: MonitorOptions;
  readonly #viewers: Viewers;
  readonly #history = new History();
  readonly #rasters: RasterHelper;
  readonly #samplers = new Map<string, FrameSampler>();
  /** The newest message of each kind and camera, and when it came; put into words when somebody does. */
  readonly #newest = new Map<string, { readonly message: Message; readonly wallMs: number }>();
  readonly #boot: string;
  /** The newest state of each camera that viewers have not been told: it may change with every frame. */
  readonly #states = new Map<string, { message: StateMessage; isTold: boolean }>();
  #seq = 0;
  #watched: Watched | null = null;
  #server: MonitorServer | null = null;
  #counts: CountsTicker | null = null;
  /** Digests of the cameras' networks, to notice another one. */
  #networks = "";

  constructor(options: MonitorOptions) {
    const { clock, random, viewersMax } = options;
    this.#options = options;
    this.#boot = Array.from({ length: 16 }, () => random.integer(16).toString(16)).join("");
    this.#viewers = new Viewers(viewersMax, clock);
    this.#rasters = new RasterHelper(clock, (event) => {
      const name = event.schema === "quartz.page.raster.v1" ? "raster" : "no_raster";
      this.#viewers.tell(viewerEvent(name, event, "raster"), event.camera);
    });
  }

  /** Begins to serve. Returns at once; a port that is taken is tried again. */
  watch(watched: Watched): void {
    const { clock, page, metrics, onListening } = this.#options;
    this.#watched = watched;
    this.#counts = new CountsTicker(watched, clock, (event) => {
      this.#noticeNetworks();
      for (const camera of this.#states.keys()) this.#tellState(camera);
      this.#viewers.tell(viewerEvent("counts", { ...event, viewers: this.#viewers.count }));
    });
    this.#server = new MonitorServer({
      ...this.#options,
      assets: page ? loadAssets() : null,
      metrics: metrics ? () => watched.metricsText() : null,
      viewers: this.#viewers,
      cameraOf: (id) => watched.cameras.find((camera) => id === "" || camera.id === id)?.id ?? null,
      onViewer: (camera, tell) => this.#greet(camera, tell),
      onViewerGone: () => this.#noticeGone(),
      status: () => watched.problems.length === 0 ? "ok" : "degraded",
      onState: (state) => {
        watched.setProblem("monitor", "problem" in state ? state.problem : null);
        if ("url" in state) onListening(state.url);
      },
    });
  }

  onMessage(message: Message): void {
    // Results come with their frames, and a camera's status with the counts.
    if (message.kind === "result" || message.kind === "cameraStatus") return;
    if (message.kind === "state") return this.#keepState(message);
    const wallMs = this.#options.clock.wallMs();
    if (message.kind === "latency") this.#history.addLatency(message, wallMs);
    if (message.kind === "power") this.#history.addPower(message, wallMs);
    if (GREETING_KINDS.includes(message.kind)) this.#newest.set(keyOf(message), { message, wallMs });
    if (this.#viewers.count > 0) this.#viewers.tell(this.#encode(message, wallMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#counts?.stop();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#rasters[Symbol.asyncDispose]();
  }

  /** A message in its MQTT form. Its numbers count this monitor's messages, and not the broker's. */
  #encode(message: Message, tsWallMs: number): ViewerEvent {
    const encoded = encodeMessage(message, {
      tsWallMs,
      seq: this.#seq++,
      boot: this.#boot,
      synced: tsWallMs > WALL_MS_PLAUSIBLE,
      mqttProtocol: null,
    });
    return viewerEvent(message.kind, encoded.payload, keyOf(message));
  }

  #keepState(message: StateMessage): void {
    this.#history.addState(message);
    const kept = this.#states.get(message.camera);
    if (kept === undefined) this.#states.set(message.camera, { message, isTold: false });
    else {
      kept.message = message;
      kept.isTold = false;
    }
  }

  /** Tells viewers a camera's state, when it is news: once a second, and before each frame of the camera. */
  #tellState(camera: string): void {
    const kept = this.#states.get(camera);
    if (kept === undefined || kept.isTold || this.#viewers.count === 0) return;
    kept.isTold = true;
    this.#viewers.tell(this.#encode(kept.message, this.#options.clock.wallMs()));
    this.#viewers.tell(viewerEvent("states", this.#history.readStates(camera)), camera);
  }

  #greet(camera: string, tell: (event: ViewerEvent) => void): void {
    tell(viewerEvent("hello", this.#hello(camera)));
    for (const { message, wallMs } of this.#newest.values()) tell(this.#encode(message, wallMs));
    for (const { message } of this.#states.values()) tell(this.#encode(message, this.#options.clock.wallMs()));
    tell(viewerEvent("states", this.#history.readStates(camera)));
    tell(viewerEvent("history", this.#history.read(camera)));
    this.#counts!.start();
    tell(viewerEvent("counts", { ...this.#counts!.read(), viewers: this.#viewers.count }));
  }

  #hello(watched: string): HelloEvent {
    const { gateway, version, token } = this.#options;
    const cameras = this.#watched!.cameras.map(({ id, network }) => ({
      camera: id,
      network: network.name,
      sha256: network.digest,
      t_max: network.tMax,
      convention: network.convention,
      labels: network.labels,
      shape: network.input.shape,
    }));
    return { schema: "quartz.page.hello.v1", gateway, version, cameras, watched, has_token: token !== null };
  }

  /** Cameras may come, go and change their networks: whoever looks is told. */
  #noticeNetworks(): void {
    const cameras = this.#watched!.cameras;
    const networks = cameras.map(({ id, network }) => `${id} ${network.digest}`).join("\n");
    if (networks === this.#networks) return;
    const isFirst = this.#networks === "";
    this.#networks = networks;
    const ids = new Set(cameras.map(({ id }) => id));
    this.#history.keepOnly(ids);
    for (const map of [this.#samplers, this.#states]) {
      for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    }
    for (const [key, { message }] of this.#newest) {
      if ("camera" in message && !ids.has(message.camera!)) this.#newest.delete(key);
    }
    if (!isFirst) { for (const { id } of cameras) this.#viewers.tell(viewerEvent("hello", this.#hello(id)), id); }
  }

  #noticeGone(): void {
    if (this.#viewers.count > 0) return;
    this.#counts?.stop();
    this.#rasters.release();
  }

  /** Called for every frame: with no viewer it must cost nothing, and never may it end the frame's own path. */
  #onResult(camera: string, result: FrameResult): void {
    const viewers = this.#viewers.watching(camera);
    if (viewers === 0) return;
    try {
      this.#show(camera, result, viewers);
    } catch (error) {
      this.#watched?.setProblem("monitor", `Cannot show a frame: ${(error as Error).message}`);
    }
  }

  #show(camera: string, result: FrameResult, viewers: number): void {
    let sampler = this.#samplers.get(camera);
    if (sampler === undefined) this.#samplers.set(camera, sampler = new FrameSampler(this.#options.clock));
    if (!sampler.isDue(result.bytes.length, viewers)) return;
    const network = this.#watched?.cameras.find(({ id }) => id === camera)?.network;
    if (network === undefined) return;
    this.#tellState(camera);
    this.#viewers.tell(viewerEvent("frame", frameEvent(camera, network, result)), camera);
    if (!this.#rasters.isDue(camera)) return;
    const { frameId, bytes, classification: { index }, output: { levels, counters } } = result;
    this.#rasters.take({
      camera,
      network,
      kernel: this.#options.kernel,
      frameId,
      classId: network.labels[index],
      decisionStep: counters.decisionStep,
      bytes,
      levels,
      earlySpikes: counters.earlySpikes,
    });
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Of messages with one key only the newest matters. */
function keyOf(message: Message): string {
  return "camera" in message ? `${message.kind} ${message.camera}` : message.kind;
}
