/** Publishes as a Sparkplug B edge node, over a connection of its own: an MQTT connection has one will, and this one's is NDEATH. */

import { type Backoff, createBackoff } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { type FileSystem, nodeFileSystem } from "../../core/file_system.ts";
import type { Message } from "../../core/messages.ts";
import type { Random } from "../../core/random.ts";
import { redactSecrets } from "../../core/redact.ts";
import type { CommandSink } from "../../ports/commands.ts";
import type { MessageListener } from "../../ports/message_listener.ts";
import type { PublisherCounts, PublisherState } from "../../ports/publisher.ts";
import { brokerAddress, type Log } from "../mqtt_options.ts";
import type { TlsOptions } from "../mqtt_session.ts";
import type { SessionEnd } from "../session_end.ts";
import { type BdSeq, openBdSeq } from "./bd_seq.ts";
import { decodeMetrics } from "./codec.ts";
import { type Connection, openConnection } from "./connection.ts";
import { type DeviceWrite, EdgeNode, type EdgeNodeOptions } from "./edge_node.ts";
import { PrimaryHost } from "./primary_host.ts";

/** All that a Sparkplug publisher needs. */
export interface SparkplugOptions extends Omit<EdgeNodeOptions, "clock"> {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsOptions;
  /** `auto` is 3.1.1, which every broker speaks and Sparkplug was made for. */
  readonly protocol: "auto" | "5" | "3.1.1";
  readonly connectTimeoutMs: number;
  readonly clientId: string;
  /** Without whom nothing is born; null: whoever listens, listens. */
  readonly primaryHost: string | null;
  /** Where bdSeq is kept over restarts; null: nowhere. */
  readonly stateFile: string | null;
  /** Takes writes to devices, as commands. */
  readonly commands?: CommandSink;
  /** Why nobody is told anything, or null when that is over. */
  onProblem(text: string | null): void;
  readonly reconnectMsMin?: number;
  readonly reconnectMsMax?: number;
  readonly files?: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const RECONNECT_MS_MIN = 500;
const RECONNECT_MS_MAX = 30_000;
/** Rebirths asked for sooner than this after one are the same one. */
const REBIRTH_US_MIN = 1_000_000;
/** Longest wait for the broker to take the last word. */
const LEAVE_MS_MAX = 800;

interface Session {
  readonly connection: Connection;
  readonly bdSeq: number;
}

/** See the head of this file. Starts connecting when made; never throws on an outage. */
export class SparkplugPublisher implements MessageListener, AsyncDisposable {
  readonly #options: SparkplugOptions;
  readonly #node: EdgeNode;
  readonly #host: PrimaryHost | null;
  readonly #bdSeq: BdSeq;
  readonly #closing = new AbortController();
  readonly #backoff: Backoff;
  readonly #loop: Promise<void>;
  #session: Session | null = null;
  #state: PublisherState = "connecting";
  #rebirthUs = -Infinity;
  #problem: string | null = null;
  #writes = 0;

  constructor(options: SparkplugOptions) {
    const { random, log, primaryHost, stateFile, files = nodeFileSystem } = options;
    this.#options = options;
    this.#node = new EdgeNode(options);
    this.#host = primaryHost === null ? null : new PrimaryHost(primaryHost);
    this.#bdSeq = openBdSeq(stateFile, files, (text) => log("warn", text, { code: "sparkplug.state" }));
    const { reconnectMsMin: minMs = RECONNECT_MS_MIN, reconnectMsMax: maxMs = RECONNECT_MS_MAX } = options;
    this.#backoff = createBackoff({ minMs, maxMs, random });
    this.#loop = this.#run();
  }

  /** `online` once born. */
  get state(): PublisherState {
    return this.#state;
  }
  /** Of updates: see `EdgeNode.counts`. */
  get counts(): PublisherCounts {
    return this.#node.counts;
  }

  onMessage(message: Message): void {
    this.#node.take(message);
  }

  /** Tells its death and closes, within a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return await this.#loop;
    this.#closing.abort();
    if (this.#session !== null) {
      const { connection } = this.#session;
      const cancel = new AbortController();
      this.#leave(this.#session);
      await Promise.race([connection.ended, this.#options.clock.sleep(LEAVE_MS_MAX, cancel.signal)]);
      cancel.abort();
      connection.destroy();
    }
    await this.#loop;
    this.#state = "offline";
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#state = "connecting";
      const bdSeq = await this.#bdSeq.next();
      if (signal.aborted) return;
      const end = await this.#runSession(bdSeq);
      this.#node.end();
      this.#state = "offline";
      if (signal.aborted) return;
      if (end.kind !== "closed") this.#setProblem(`found ${redactSecrets(end.text, this.#secrets())}`);
      await clock.sleep(this.#backoff.nextMs(), signal);
    }
  }

  /** One connection, from attempt to end. */
  async #runSession(bdSeq: number): Promise<SessionEnd> {
    try {
      this.#session = this.#open(bdSeq);
      return await this.#session.connection.ended;
    } catch (error) {
      // A certificate or key that cannot be read, for one, fails before there is a socket.
      return { kind: "refused", text: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#session = null;
    }
  }

  #open(bdSeq: number): Session {
    const { url, protocol, primaryHost, ...terms } = this.#options;
    const node = this.#node;
    const host = this.#host;
    host?.forget();
    const connection: Connection = openConnection({
      ...terms,
      address: brokerAddress(url),
      protocol: protocol === "5" ? "5" : "3.1.1",
      death: { topic: node.topic("NDEATH"), payload: node.death(bdSeq) },
      filters: [node.topic("NCMD"), `${node.topic("DCMD")}/+`, ...(host === null ? [] : [host.topic])],
      onReady: () => {
        if (host === null) this.#begin(session);
        else this.#setProblem(`waits for the primary host ${primaryHost}`);
      },
      onMessage: (topic, payload, isRetained) => {
        if (topic !== host?.topic) return this.#onCommand(topic, payload, isRetained);
        const change = host.read(payload);
        if (change === "online") this.#begin(session);
        else if (change === "offline") {
          this.#setProblem(`the primary host ${primaryHost} went offline`);
          this.#leave(session);
        }
      },
    });
    const session = { connection, bdSeq };
    return session;
  }

  #begin({ connection, bdSeq }: Session): void {
    this.#state = "online";
    this.#setProblem(null);
    this.#backoff.reset();
    this.#node.begin(bdSeq, connection.send);
  }

  #leave({ connection, bdSeq }: Session): void {
    this.#node.end();
    connection.leave(this.#node.death(bdSeq));
  }

  #onCommand(topic: string, payload: Uint8Array, isRetained: boolean): void {
    const { clock, log } = this.#options;
    try {
      const metrics = decodeMetrics(payload);
      const devicePrefix = `${this.#node.topic("DCMD")}/`;
      if (topic.startsWith(devicePrefix)) {
        for (const write of this.#node.writesOf(topic.slice(devicePrefix.length), metrics)) {
          this.#write(write, isRetained);
        }
      } else if (!isRetained && this.#node.asksForRebirth(metrics)) {
        if (clock.nowUs() - this.#rebirthUs < REBIRTH_US_MIN) return;
        this.#rebirthUs = clock.nowUs();
        this.#node.rebirth();
      }
    } catch (error) {
      log("warn", `Cannot read a Sparkplug command: ${(error as Error).message}`, { code: "sparkplug.command", topic });
    }
  }

  /** A write is a command like any other: the same rules refuse it. */
  #write({ verb, ...args }: DeviceWrite, isRetained: boolean): void {
    const { clock, log, commands } = this.#options;
    const ts = new Date(clock.wallMs()).toISOString();
    const command = { id: `sparkplug-${clock.wallMs()}-${this.#writes++}`, ts, args };
    commands?.({ verb, payload: new TextEncoder().encode(JSON.stringify(command)), isRetained }, (answer) => {
      const { status, error } = JSON.parse(answer) as { status: string; error?: { message: string } };
      if (status !== "ok") {
        log("warn", `Sparkplug write refused: ${error?.message}`, { code: "sparkplug.refused", verb });
      }
    });
  }

  #setProblem(text: string | null): void {
    if (text === this.#problem) return;
    this.#problem = text;
    this.#options.onProblem(text === null ? null : `Sparkplug: ${text}`);
  }

  #secrets(): string[] {
    const { password } = this.#options;
    return password === undefined ? [] : [password];
  }
}
