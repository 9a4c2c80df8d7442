/** The host's end of a link: hello, image, frames; from an open transport to a session that answers each request once. */

import { createHash } from "node:crypto";
import { LinkError } from "../core/errors.ts";
import type { Transport } from "../ports/transport.ts";
import { fromBoardError } from "./board_error.ts";
import { Channel } from "./channel.ts";
import { crc32c } from "../core/crc32c.ts";
import { CreditGate } from "./credit_gate.ts";
import { CHUNK_BYTES, uploadImage, type UploadReport } from "./image_upload.ts";
import {
  HOST_TIMING,
  type HostFrame,
  type HostOptions,
  type HostSession,
  type HostState,
  type HostTiming,
} from "./host_session.ts";
import { planLevels } from "./level_code.ts";
import type { LinkStats } from "./link_stats.ts";
import type { Message } from "./messages/all.ts";
import type { Caps } from "./messages/caps.ts";
import type { LinkConfig } from "./messages/config.ts";
import { MAGIC } from "./messages/hello.ts";
import type { ResetScope } from "./messages/reset.ts";
import type { FrameResult } from "./messages/result.ts";
import { CRC_BYTES, FLAG_REPLY, HEADER_BYTES, type Packet, PACKET_BYTES_MAX, PROTOCOL_VERSION } from "./packet.ts";
import { outOfRange } from "./wire.ts";
import { type RequestLimits, Requests } from "./requests.ts";
import { type BoardTime, clockOffset } from "./time_sync.ts";

/**
 * Opens a session over `transport`, which is the session's from here on and is closed when this fails.
 *
 * @throws {LinkError} `link.timeout` when nobody answers; `link.version`; `link.lost`
 */
export async function openHostSession(transport: Transport, options: HostOptions): Promise<HostSession> {
  const session = new Session(transport, options);
  try {
    await session.start();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Time exchanges of one `syncTime`. */
const TIME_EXCHANGES = 4;
/** Between two time syncs on our own account. */
const TIME_SYNC_INTERVAL_MS = 30_000;
/** Longest wait for the goodbye to go out. */
const BYE_TIMEOUT_MS = 200;
/** Neurons in one SPIKES_READ. */
const SPIKES_COUNT = 4096;

class Session implements HostSession {
  readonly sessionId: number;
  readonly ended: Promise<LinkError>;
  readonly #options: HostOptions;
  readonly #timing: HostTiming;
  readonly #transport: Transport;
  readonly #channel: Channel;
  readonly #requests: Requests;
  readonly #gate: CreditGate;
  readonly #ending = new AbortController();
  #state: HostState = "open";
  #caps: Caps | null = null;
  #time: BoardTime | null = null;
  #isTimed = false;
  #watchdog: Promise<void> = Promise.resolve();
  #reason: LinkError | null = null;

  constructor(transport: Transport, options: HostOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#transport = transport;
    this.#timing = { ...HOST_TIMING, ...options.timing };
    this.sessionId = 1 + random.integer(2 ** 32 - 1);
    this.#channel = new Channel({ transport, clock, onMessage: (message, packet) => this.#take(message, packet) });
    this.#requests = new Requests(this.#channel, { clock, session: this.sessionId });
    this.#gate = new CreditGate(clock, { frames: 0, bytes: 0 });
    this.ended = this.#channel.ended.then((error) => this.#end(error ?? lost(transport, "the other side closed it")));
  }

  get state(): HostState {
    return this.#state;
  }
  get caps(): Caps {
    if (this.#caps === null) throw new Error("A session is handed out after hello only");
    return this.#caps;
  }
  get stats(): Readonly<LinkStats> {
    return this.#channel.stats;
  }
  get time(): BoardTime | null {
    return this.#time;
  }
  get framesInFlight(): number {
    return this.#gate.framesInFlight;
  }

  async start(): Promise<void> {
    const hello = {
      magic: MAGIC,
      versionMin: PROTOCOL_VERSION,
      versionMax: PROTOCOL_VERSION,
      packetBytesMax: PACKET_BYTES_MAX,
      name: this.#options.name,
    };
    const caps = await this.#requests.request("hello", hello, "caps", this.#limits);
    if (caps.version !== PROTOCOL_VERSION) {
      throw new LinkError(
        "link.version",
        `Cannot talk to ${caps.boardName} as its version must be 1: found ${caps.version}`,
      );
    }
    this.#caps = caps;
    this.#gate.set(caps.credit);
    await this.syncTime();
    this.#watchdog = this.#watch();
  }

  async uploadImage(
    bytes: Uint8Array,
    sha256: string,
    onProgress?: (doneBytes: number, totalBytes: number) => void,
  ): Promise<UploadReport> {
    const found = createHash("sha256").update(bytes).digest("hex");
    if (found !== sha256) {
      throw new LinkError("link.image_hash", `Cannot upload as SHA-256 must be ${sha256}: found ${found}`);
    }
    const { imageBytesMax, imageChunkBytesMax } = this.caps;
    if (bytes.length === 0 || bytes.length > imageBytesMax) {
      const text = `Cannot upload the image as its size must be 1 to ${imageBytesMax} bytes: found ${bytes.length}`;
      throw new LinkError("link.image_size", text);
    }
    this.#mustBe("open", "running");
    if (this.#gate.framesInFlight + this.#gate.framesWaiting > 0) throw this.#wrongState("no frame under way");
    this.#state = "loading";
    try {
      const chunkBytes = Math.min(CHUNK_BYTES, imageChunkBytesMax);
      const { clock } = this.#options;
      const { loadTimeoutMs } = this.#timing;
      const options = {
        bytes,
        sha256,
        chunkBytes,
        clock,
        loadTimeoutMs,
        limits: this.#limits,
        onProgress,
        signal: this.#ending.signal,
      };
      const report = await uploadImage(this.#requests, options);
      this.#moveOn("running");
      return report;
    } finally {
      if (this.#is("loading")) this.#state = "open";
    }
  }

  configure(config: LinkConfig): Promise<LinkConfig> {
    return this.#requests.request("config", config, "config", this.#limits);
  }

  async runFrame(frame: HostFrame): Promise<FrameResult> {
    this.#mustBe("running");
    const { frameTimeoutMs, frameAttemptsMax, creditTimeoutMs } = this.#timing;
    const { stats } = this.#channel;
    let number: number | null = null;
    try {
      // The levels are counted before the wait, so what cannot be sent fails at once.
      number = await this.#gate.enter(planLevels(frame.levels).bytes, creditTimeoutMs);
      let crc = 0;
      const body = { ...frame, number, capturedAtUs: Math.round(frame.capturedAtUs) };
      const limits = { timeoutMs: frameTimeoutMs, attemptsMax: frameAttemptsMax };
      const result = await this.#requests.request("frame", body, "result", limits, (bytes) => {
        this.#mustFit(bytes);
        crc = crc32c(bytes);
      });
      if (result.number !== number || result.frameId !== frame.frameId || result.inputCrc !== crc) {
        const expected = `frame ${frame.frameId}, number ${number}, checksum ${crc}`;
        const text =
          `Cannot use a result as it must be of ${expected}: found ${result.frameId}, ${result.number}, ${result.inputCrc}`;
        throw new LinkError("link.mismatch", text, { hint: "This is a bug in the board's agent" });
      }
      stats.framesAnswered++;
      return result;
    } catch (error) {
      stats.framesFailed++;
      throw error;
    } finally {
      if (number !== null) this.#gate.leave(number);
    }
  }

  async readSpikes(number: number, layer: number): Promise<Uint16Array> {
    const limits = this.#limits;
    const ask = (offset: number) =>
      this.#requests.request("spikes_read", { number, layer, offset, count: SPIKES_COUNT }, "spikes", limits);
    const first = await ask(0);
    // At most what packets can bring in good time; a layer of a whole chip has 131072 neurons.
    if (first.total > 2 ** 24) throw new LinkError("link.protocol", `Cannot read spikes of ${first.total} neurons`);
    const all = new Uint16Array(first.total);
    for (let part = first;; part = await ask(part.offset + part.firstSteps.length)) {
      const end = part.offset + part.firstSteps.length;
      if (part.total !== all.length || end > all.length || (part.firstSteps.length === 0 && end < all.length)) {
        throw new LinkError(
          "link.protocol",
          `Cannot use spikes as they must be part of ${all.length}: found up to ${end}`,
        );
      }
      all.set(part.firstSteps, part.offset);
      if (end === all.length) return all;
    }
  }

  async reset(scope: ResetScope): Promise<void> {
    await this.#requests.request("reset", { scope }, "reset", this.#limits);
    if (scope === "image" && this.#is("running")) this.#state = "open";
  }

  async syncTime(): Promise<BoardTime | null> {
    const { clock } = this.#options;
    // Not repeated when lost: the first stamp would be that of the first attempt.
    const limits = { ...this.#limits, attemptsMax: 1 };
    let best: BoardTime | null = null;
    for (let i = 0; i < TIME_EXCHANGES; i++) {
      try {
        const request = { hostSentUs: Math.round(clock.nowUs()) };
        const stamps = await this.#requests.request("time_req", request, "time_rsp", limits);
        const hostReceivedUs = Math.round(clock.nowUs());
        const { stepCounter } = stamps;
        const one = { ...clockOffset({ ...stamps, hostReceivedUs }), stepCounter, syncedAtUs: hostReceivedUs };
        if (best === null || one.rttUs < best.rttUs) best = one;
      } catch (error) {
        if (!(error instanceof LinkError) || error.code !== "link.timeout") throw error;
      }
    }
    return this.#time = best ?? this.#time;
  }

  async close(): Promise<void> {
    if (this.#reason === null) {
      const { clock } = this.#options;
      this.#end(new LinkError("link.closed", `Closed the link over ${this.#transport.name}`));
      const header = { seq: this.#requests.nextSeq(), session: this.sessionId, flags: 0 };
      this.#channel.send("bye", { reason: "done", text: "" }, header);
      const drained = new AbortController();
      const sent = this.#channel.drain().then(() => drained.abort());
      // A stalled transport must not hold up the end; closing it frees `sent`.
      await clock.sleep(BYE_TIMEOUT_MS, drained.signal);
      await this.#channel.close();
      await sent;
    }
    await this.#channel.close();
    await this.#watchdog;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(message: Message, packet: Packet): void {
    const { stats } = this.#channel;
    if (packet.session !== this.sessionId) {
      stats.staleSession++;
      return;
    }
    if (message.kind === "result" || message.kind === "pong") this.#gate.set(message.body.credit);
    if ((packet.flags & FLAG_REPLY) !== 0) {
      if (message.kind === "error" && message.body.code === "session") this.#fail(fromBoardError(message.body));
      if (!this.#requests.deliver(packet.seq, message)) stats.unexpectedReplies++;
    } else if (message.kind === "credit") {
      this.#gate.set(message.body);
    } else if (message.kind === "telemetry") {
      this.#options.onTelemetry?.(message.body);
    } else if (message.kind === "error") {
      this.#options.onBoardError?.(message.body);
    } else if (message.kind === "bye") {
      this.#fail(lost(this.#transport, `the board said goodbye: ${message.body.text || message.body.reason}`));
    } else {
      stats.unexpectedReplies++;
    }
  }

  /** Asks the board now and then whether it lives, and ends the session when it does not. */
  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const { pingIntervalMs, silenceMsMax } = this.#timing;
    const { signal } = this.#ending;
    let syncedAtUs = clock.nowUs();
    while (!signal.aborted) {
      await clock.sleep(pingIntervalMs, signal);
      if (signal.aborted) return;
      const nowUs = clock.nowUs();
      const silenceMs = Math.round((nowUs - this.#channel.lastHeardUs) / 1000);
      if (silenceMs >= silenceMsMax) return this.#fail(lost(this.#transport, `nothing heard for ${silenceMs} ms`));
      const limits = { timeoutMs: pingIntervalMs, attemptsMax: 1 };
      this.#requests.request("ping", {}, "pong", limits).catch(() => {});
      if (nowUs - syncedAtUs < TIME_SYNC_INTERVAL_MS * 1000 || this.#isTimed) continue;
      syncedAtUs = nowUs;
      this.#isTimed = true;
      this.syncTime().catch(() => {}).finally(() => this.#isTimed = false);
    }
  }

  #fail(reason: LinkError): void {
    this.#end(reason);
    this.#channel.close(reason);
  }

  /** Settles everything that is under way; the first reason stands. */
  #end(reason: LinkError): LinkError {
    if (this.#reason === null) {
      this.#reason = reason;
      this.#state = "closed";
      this.#ending.abort();
      this.#requests.end(reason);
      this.#gate.end(reason);
    }
    return this.#reason;
  }

  #mustFit(body: Uint8Array): void {
    const { packetBytesMax } = this.caps;
    const found = HEADER_BYTES + body.length + CRC_BYTES;
    if (found <= packetBytesMax) return;
    throw outOfRange("frame", `a packet of at most ${packetBytesMax} bytes, which is what the board takes`, found);
  }

  #is(state: HostState): boolean {
    return this.#state === state;
  }
  #moveOn(state: HostState): void {
    if (this.#reason !== null) throw this.#reason;
    this.#state = state;
  }
  #mustBe(...states: HostState[]): void {
    if (this.#reason !== null) throw this.#reason;
    if (!states.includes(this.#state)) throw this.#wrongState(states.join(" or "));
  }
  #wrongState(expected: string): LinkError {
    return new LinkError("link.state", `Cannot do that as the session must be ${expected}: found ${this.#state}`);
  }
  get #limits(): RequestLimits {
    return { timeoutMs: this.#timing.requestTimeoutMs, attemptsMax: this.#timing.requestAttemptsMax };
  }
}

function lost(transport: Transport, why: string): LinkError {
  return new LinkError("link.lost", `Lost the link over ${transport.name}: ${why}`);
}
