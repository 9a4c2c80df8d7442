/** The board's end of a link: takes sessions, images and frames from a transport and hands them to a board's handlers. */

import type { Clock } from "../core/clock.ts";
import type { LinkError } from "../core/errors.ts";
import type { Transport } from "../ports/transport.ts";
import { AgentFrames, type BoardAnswer, type FrameJob } from "./agent_frames.ts";
import { boardError, toBoardError } from "./board_error.ts";
import { Channel } from "./channel.ts";
import { crc32c } from "../core/crc32c.ts";
import { FRAME_SPAN } from "./credit_gate.ts";
import { ImageShelf, type ImageStore } from "./image_shelf.ts";
import type { LinkStats } from "./link_stats.ts";
import type { Bodies, Kind, Message } from "./messages/all.ts";
import { type Caps, NO_IMAGE } from "./messages/caps.ts";
import type { LinkConfig } from "./messages/config.ts";
import type { Credit } from "./messages/credit.ts";
import type { BoardErrorCode } from "./messages/error.ts";
import type { FrameInput } from "./messages/frame.ts";
import { type Hello, MAGIC } from "./messages/hello.ts";
import type { Reset } from "./messages/reset.ts";
import { SPIKES_COUNT_MAX } from "./messages/spikes.ts";
import type { SpikesRead } from "./messages/spikes_read.ts";
import type { BoardTelemetry } from "./messages/telemetry.ts";
import { FLAG_REPLY, type Packet, PACKET_BYTES_MAX, PROTOCOL_VERSION } from "./packet.ts";

/** What a board says of itself; the link adds the rest of CAPS. */
export type BoardFacts = Omit<Caps, "version" | "packetBytesMax" | "imageSha256">;

/** A board, as its link sees it. What a handler throws goes to the host; `boardError` gives it a code. */
export interface AgentHandlers extends ImageStore {
  readonly facts: BoardFacts;
  /**
   * Runs one frame; never called twice at a time. When `signal` is aborted nobody wants the answer any more: it should
   * stop soon, and the chips must then be ready for the next frame.
   */
  runFrame(frame: FrameInput, signal: AbortSignal): Promise<BoardAnswer>;
  /** Forgets currents and voltages (after a session, too), or the image as well. */
  reset(scope: Reset["scope"]): Promise<void>;
  /** Takes what it can of new settings, and returns what is in force; called with the defaults for each new session. */
  configure(config: LinkConfig): LinkConfig;
  /** First spikes of all neurons of a layer in a recent frame; null when not kept. */
  readSpikes(number: number, layer: number): Uint16Array | null;
  telemetry(): BoardTelemetry;
  /** Time steps that the chips ran since the agent started. */
  stepCounter(): number;
}

/** How a board is served. */
export interface AgentOptions {
  readonly clock: Clock;
  readonly handlers: AgentHandlers;
  /** Keeps images over connections; `createImageShelf` once for the board. */
  readonly shelf: ImageShelf;
  /** Largest time of one frame; `chip_stuck` beyond. */
  readonly frameTimeoutMs?: number;
  /** The host counts as gone when nothing good came for so long. */
  readonly silenceMsMax?: number;
  /** What happened, for a log. */
  readonly onEvent?: (event: AgentEvent) => void;
}

/** Sessions coming and going. */
export type AgentEvent =
  | { readonly kind: "opened"; readonly sessionId: number; readonly host: string }
  | { readonly kind: "closed"; readonly sessionId: number; readonly reason: string };

/** Where the agent is: `idle` without a session. */
export type AgentState = "idle" | "open" | "running";

/** A board on a transport. */
export interface AgentSession extends AsyncDisposable {
  readonly state: AgentState;
  readonly stats: Readonly<LinkStats>;
  /** Changes what may be in flight, and tells the host; 0 frames pauses it. */
  setCredit(credit: Credit): void;
  /** Tells the host of a trouble that is no answer. */
  report(code: BoardErrorCode, text: string): void;
  /** Resolves, never rejects, when the transport has ended: with why, or null when in good order. */
  readonly ended: Promise<LinkError | null>;
  /** Says goodbye, closes the transport, waits for the running frame. Never rejects. */
  close(): Promise<void>;
}

/** A shelf for the images of a board; one for all its connections. */
export function createImageShelf(handlers: AgentHandlers): ImageShelf {
  return new ImageShelf(handlers, handlers.facts.imageBytesMax);
}

/** Serves a board on a transport, one session after the other, until the transport ends. */
export function serveAgent(transport: Transport, options: AgentOptions): AgentSession {
  return new Agent(transport, options);
}

// ---------------------------------------------------------------------------------------------------------------------

/** Longest time of one frame, unless told otherwise. */
const FRAME_TIMEOUT_MS = 30_000;
/** Five pings of a host. */
const SILENCE_MS_MAX = 5000;
/** Longest wait for the goodbye to go out. */
const BYE_TIMEOUT_MS = 200;
/** Shortest wait of the agent's own loop. */
const BEAT_MS_MIN = 5;

const DEFAULT_CONFIG: LinkConfig = { options: { earlyStop: false, keepSpikes: false }, telemetryIntervalMs: 0 };

/** What is known of the host that says hello now. */
interface HostState {
  readonly id: number;
  readonly frames: AgentFrames;
  config: LinkConfig;
  credit: Credit;
}

class Agent implements AgentSession {
  readonly ended: Promise<LinkError | null>;
  readonly #options: AgentOptions;
  readonly #channel: Channel;
  readonly #ending = new AbortController();
  readonly #beat: Promise<void>;
  #host: HostState | null = null;
  /** The last frame of earlier sessions, and the reset after it. */
  #earlier: Promise<void> = Promise.resolve();
  #seq = 0;
  #telemetryAtUs = 0;
  /** Ends the present wait of the loop, when the interval has changed. */
  #nudge = new AbortController();

  constructor(transport: Transport, options: AgentOptions) {
    this.#options = options;
    this.#channel = new Channel({
      transport,
      clock: options.clock,
      onMessage: (message, packet) => this.#take(message, packet),
      onBadBody: (error, packet) => this.#refuse(error, packet),
    });
    this.ended = this.#channel.ended.then((error) => {
      this.#leave(error?.message ?? "the transport ended");
      this.#ending.abort();
      this.#nudge.abort();
      return error;
    });
    this.#beat = this.#run();
  }

  get state(): AgentState {
    if (this.#host === null) return "idle";
    return this.#options.shelf.loadedSha256 === null ? "open" : "running";
  }
  get stats(): Readonly<LinkStats> {
    return this.#channel.stats;
  }

  setCredit(credit: Credit): void {
    if (this.#host === null) return;
    this.#host.credit = this.#capped(credit);
    this.#tell("credit", this.#host.credit);
  }

  report(code: BoardErrorCode, text: string): void {
    this.#tell("error", toBoardError(boardError(code, text), code));
  }

  async close(): Promise<void> {
    if (!this.#ending.signal.aborted) {
      this.#tell("bye", { reason: "shutdown", text: "" });
      this.#leave("closed");
      this.#ending.abort();
      this.#nudge.abort();
      const drained = new AbortController();
      const sent = this.#channel.drain().then(() => drained.abort());
      await this.#options.clock.sleep(BYE_TIMEOUT_MS, drained.signal);
      await this.#channel.close();
      await sent;
    }
    await this.#channel.close();
    await this.#beat;
    await this.#earlier;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(message: Message, packet: Packet): void {
    if (this.#ending.signal.aborted) return;
    if (message.kind === "hello") return this.#hello(message.body, packet);
    const host = this.#host;
    if (host === null || packet.session !== host.id) {
      this.#channel.stats.staleSession++;
      const text = "Cannot answer as the session must be open: say hello";
      if (message.kind !== "bye") this.#reply(packet, "error", toBoardError(boardError("session", text), "session"));
      return;
    }
    switch (message.kind) {
      case "bye":
        return this.#leave(message.body.text || message.body.reason);
      case "frame":
        return this.#frame(host, message.body, packet);
      case "ping":
        return this.#reply(packet, "pong", this.#pong(host));
      case "time_req":
        return this.#time(message.body.hostSentUs, packet);
      case "config":
        host.config = this.#options.handlers.configure(message.body);
        this.#nudge.abort();
        return this.#reply(packet, "config", host.config);
      case "spikes_read":
        return this.#spikes(message.body, packet);
      case "image_chunk":
        return this.#reply(packet, "image_status", this.#options.shelf.chunk(message.body));
      case "image_begin":
        return this.#answer(packet, "image_status", "image_refused", () => this.#options.shelf.begin(message.body));
      case "image_commit":
        return this.#answer(
          packet,
          "image_status",
          "image_refused",
          () => this.#options.shelf.commit(message.body.sha256, this.#quiet(host)),
        );
      case "reset":
        return this.#answer(packet, "reset", "reset_failed", () => this.#reset(message.body, host));
      default:
        return this.#refuse(
          boardError("unsupported", `Cannot answer ${message.kind}: a host does not send it`),
          packet,
        );
    }
  }

  #hello(hello: Hello, packet: Packet): void {
    const { magic, versionMin, versionMax, name } = hello;
    if (magic !== MAGIC || versionMin > PROTOCOL_VERSION || versionMax < PROTOCOL_VERSION) {
      const text =
        `Cannot talk to ${name} as its versions must include ${PROTOCOL_VERSION}: found ${versionMin} to ${versionMax}`;
      return this.#reply(packet, "error", toBoardError(boardError("version", text), "version"));
    }
    // Said again, hello changes nothing: the answer was lost.
    if (this.#host?.id !== packet.session) this.#open(packet.session, name);
    const { handlers, shelf } = this.#options;
    const imageSha256 = shelf.loadedSha256 ?? NO_IMAGE;
    const caps = { ...handlers.facts, version: PROTOCOL_VERSION, packetBytesMax: PACKET_BYTES_MAX, imageSha256 };
    this.#reply(packet, "caps", { ...caps, credit: this.#host?.credit ?? handlers.facts.credit });
  }

  #open(id: number, host: string): void {
    this.#leave("another session began");
    const { clock, handlers, frameTimeoutMs = FRAME_TIMEOUT_MS } = this.#options;
    const credit = this.#capped(handlers.facts.credit);
    const frames = new AgentFrames({
      clock,
      frameTimeoutMs,
      queueMax: Math.max(1, credit.frames),
      after: this.#earlier,
      run: (frame, signal) => handlers.runFrame(frame, signal),
      answer: (job, answer) => this.#answerFrame(job, answer),
      resend: (line) => this.#channel.sendBytes(line),
    });
    this.#host = { id, frames, credit, config: handlers.configure(DEFAULT_CONFIG) };
    this.#options.onEvent?.({ kind: "opened", sessionId: id, host });
  }

  /** Ends the session, if there is one: no answer of it goes out any more. */
  #leave(reason: string): void {
    const host = this.#host;
    if (host === null) return;
    this.#host = null;
    host.frames.end();
    const { handlers, onEvent } = this.#options;
    this.#earlier = host.frames.idle.then(() => handlers.reset("state")).catch((error) => {
      onEvent?.({
        kind: "closed",
        sessionId: host.id,
        reason: `reset failed: ${toBoardError(error, "internal").text}`,
      });
    });
    onEvent?.({ kind: "closed", sessionId: host.id, reason });
  }

  #frame(host: HostState, frame: FrameInput, packet: Packet): void {
    const { frameInputsMax, tMaxMax } = this.#options.handlers.facts;
    const { frameId } = frame;
    const refuse = (code: BoardErrorCode, text: string) =>
      this.#reply(
        packet,
        "error",
        toBoardError(boardError(code, `Cannot run frame ${frameId} as ${text}`), code, frame.number),
      );
    if (this.#options.shelf.loadedSha256 === null) return refuse("no_image", "an image must be loaded: found none");
    if (frame.levels.length > frameInputsMax) {
      return refuse("frame_refused", `its inputs must be at most ${frameInputsMax}: found ${frame.levels.length}`);
    }
    if (frame.tMax < 1 || frame.tMax > tMaxMax) {
      return refuse("frame_refused", `t_max must be 1 to ${tMaxMax}: found ${frame.tMax}`);
    }
    const fate = host.frames.take({ frame, inputCrc: crc32c(packet.body), seq: packet.seq });
    if (fate === "duplicate") this.#channel.stats.duplicateFrames++;
    if (fate === "busy") refuse("frame_busy", `at most ${host.credit.frames} may wait: found no room`);
  }

  #answerFrame(job: FrameJob, answer: BoardAnswer | Error): Uint8Array {
    const host = this.#host as HostState;
    const { number, frameId } = job.frame;
    const header = { seq: job.seq, session: host.id, flags: FLAG_REPLY };
    let line: Uint8Array;
    try {
      if (answer instanceof Error) throw answer;
      const ids = { number, frameId, inputCrc: job.inputCrc };
      line = this.#channel.encode("result", { ...answer, ...ids, credit: host.credit }, header).line;
      this.#channel.stats.framesAnswered++;
    } catch (error) {
      line = this.#channel.encode("error", toBoardError(error, "frame_failed", number), header).line;
      this.#channel.stats.framesFailed++;
    }
    this.#channel.sendBytes(line);
    return line;
  }

  #time(hostSentUs: number, packet: Packet): void {
    const { clock, handlers } = this.#options;
    const boardReceivedUs = Math.round(this.#channel.lastHeardUs);
    const boardSentUs = Math.max(boardReceivedUs, Math.round(clock.nowUs()));
    const stepCounter = handlers.stepCounter();
    this.#reply(packet, "time_rsp", { hostSentUs, boardReceivedUs, boardSentUs, stepCounter });
  }

  #spikes({ number, layer, offset, count }: SpikesRead, packet: Packet): void {
    const all = this.#options.handlers.readSpikes(number, layer);
    if (all === null) {
      const text =
        `Cannot read spikes as they must have been kept: found none of frame number ${number}, layer ${layer}`;
      return this.#refuse(boardError("unsupported", text), packet);
    }
    const from = Math.min(offset, all.length);
    const firstSteps = all.subarray(from, from + Math.min(count, SPIKES_COUNT_MAX));
    this.#reply(packet, "spikes", { number, layer, offset: from, total: all.length, firstSteps });
  }

  /** Resolves when no frame runs. */
  #quiet(host: HostState): Promise<void> {
    return this.#earlier.then(() => host.frames.idle);
  }

  async #reset(reset: Reset, host: HostState): Promise<Reset> {
    await this.#quiet(host);
    await this.#options.handlers.reset(reset.scope);
    if (reset.scope === "image") this.#options.shelf.unload();
    return reset;
  }

  #pong(host: HostState): Bodies["pong"] {
    const { frames, credit } = host;
    return { framesQueued: frames.queued, stepCounter: this.#options.handlers.stepCounter(), credit };
  }

  /** Replies with what `work` yields, or with its error. */
  #answer<K extends Kind>(
    packet: Packet,
    kind: K,
    fallback: BoardErrorCode,
    work: () => Bodies[K] | Promise<Bodies[K]>,
  ): void {
    // The body is lent; number and session are not.
    const { seq, session } = packet;
    const header = { seq, session };
    Promise.resolve().then(work).then(
      (body) => this.#reply(header, kind, body),
      (error) => this.#reply(header, "error", toBoardError(error, fallback)),
    );
  }

  #refuse(error: LinkError, packet: Packet): void {
    // Errors are not answered, and neither are answers, or two agents would never stop.
    if ((packet.flags & FLAG_REPLY) !== 0) return;
    const isUnknown = error.code === "link.unknown_type";
    this.#reply(packet, "error", toBoardError(error, isUnknown ? "unsupported" : "malformed"));
  }

  #reply<K extends Kind>(to: Pick<Packet, "seq" | "session">, kind: K, body: Bodies[K]): void {
    this.#channel.send(kind, body, { seq: to.seq, session: to.session, flags: FLAG_REPLY });
  }

  /** A message that answers nothing. */
  #tell<K extends Kind>(kind: K, body: Bodies[K]): void {
    if (this.#host === null) return;
    this.#seq = (this.#seq + 1) >>> 0;
    this.#channel.send(kind, body, { seq: this.#seq, session: this.#host.id, flags: 0 });
  }

  #capped({ frames, bytes }: Credit): Credit {
    return { frames: Math.min(frames, FRAME_SPAN), bytes };
  }

  /** Telemetry at its interval, and an eye on the host. */
  async #run(): Promise<void> {
    const { clock, handlers, silenceMsMax = SILENCE_MS_MAX } = this.#options;
    while (!this.#ending.signal.aborted) {
      const intervalMs = this.#host?.config.telemetryIntervalMs ?? 0;
      const beatMs = Math.max(BEAT_MS_MIN, Math.min(intervalMs || silenceMsMax, silenceMsMax));
      if (this.#nudge.signal.aborted) this.#nudge = new AbortController();
      await clock.sleep(beatMs, this.#nudge.signal);
      if (this.#ending.signal.aborted) return;
      const nowUs = clock.nowUs();
      if (this.#host !== null && nowUs - this.#channel.lastHeardUs >= silenceMsMax * 1000) {
        this.#tell("bye", { reason: "idle", text: `nothing heard for ${silenceMsMax} ms` });
        this.#leave("the host fell silent");
      }
      // A timer may be early by the part of a millisecond that it rounded off.
      const isDue = nowUs - this.#telemetryAtUs >= intervalMs * 1000 - 2000;
      if (this.#host === null || intervalMs === 0 || !isDue || this.#nudge.signal.aborted) continue;
      this.#telemetryAtUs = nowUs;
      this.#tell("telemetry", handlers.telemetry());
    }
  }
}
