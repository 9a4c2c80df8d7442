/** Publishes over MQTT: feeds each session with status, retained topics and queued messages, in that order. */

import type { InfoMessage, Message, MessageKind, Problem } from "../core/messages.ts";
import type { Publisher, PublisherCounts, PublisherState } from "../ports/publisher.ts";
import type { SpoolCounts } from "../spool/spool.ts";
import { BrokerLink } from "./broker_link.ts";
import { CommandChannel } from "./command_channel.ts";
import { MessageEncoder } from "./message_encoder.ts";
import { createTally, type MessageStore, type Outgoing, tallyDrop } from "./message_store.ts";
import { type CheckedOptions, checkOptions, type MqttPublisherOptions } from "./mqtt_options.ts";
import type { Session, Subscription } from "./mqtt_session.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { StreamKey } from "./payload.ts";
import { STRIKES_MAX } from "./poison_watch.ts";
import { createRetainedSlots } from "./retained_slots.ts";
import type { SessionEnd } from "./session_end.ts";
import { SpooledOutbox, type SpoolTerms } from "./spooled_outbox.ts";
import { SPOOLED_KINDS } from "./spooled_payload.ts";
import { topicOf } from "./topics.ts";
import { UnderWay } from "./under_way.ts";

/** The three waits of `stop`; together well under the port's 3 s. */
const STOP_DRAIN_MS = 1200;
const STOP_STATUS_MS = 400;
const STOP_DISCONNECT_MS = 400;
/** What the broker's refusal was, where it gave no reason. */
const REFUSED_BY_CLOSING = `the connection closed on the same message ${STRIKES_MAX} times in a row`;
const REFUSED_UNTRIED = "one at least as long as a message on which the connection closed again and again";
/** Most different refusals logged a session. */
const REFUSALS_LOGGED_MAX = 100;

/** A `Publisher` that also tells which MQTT it speaks, and what its spool holds. */
export interface MqttPublisher extends Publisher {
  /** Of the last successful connection; null before the first. */
  readonly protocol: "5" | "3.1.1" | null;
  /** Begins to listen to commands, if there is a sink for them; fine when it does. */
  listenToCommands(): void;
  /** Null without a spool, and until it could be opened. */
  readonly spoolCounts: SpoolCounts | null;
  /** How long the spool's writer has waited for the disk, ms; 0 when it does not. */
  readonly diskBusyMs: number;
  /**
   * Has the broker keep JSON at a topic outside the gateway's own tree, and reminds it after every connect, behind `info`;
   * an empty payload makes the broker forget it. In no count; after `stop` nothing happens.
   */
  keep(topic: string, payload: string): void;
}

/**
 * Starts publishing; returns at once, whether or not the broker is there.
 * @throws {ConfigError} `config.publisher` when the options are wrong, with all that is wrong.
 */
export function openMqttPublisher(options: MqttPublisherOptions): MqttPublisher {
  return new LinkedPublisher(checkOptions(options));
}

// ---

class LinkedPublisher implements MqttPublisher {
  readonly #options: CheckedOptions;
  readonly #link: BrokerLink;
  readonly #tally = createTally();
  readonly #retained = createRetainedSlots(this.#tally);
  readonly #outbox: Outbox;
  /** For messages that must arrive; null without a spool, when they wait in the outbox. */
  readonly #spooled: SpooledOutbox | null;
  readonly #encoder: MessageEncoder;
  readonly #commands: CommandChannel;
  /** In the order in which they are served. */
  readonly #stores: readonly MessageStore[];
  /** So that a thousand refusals alike make one line. */
  readonly #refusalsLogged = new Set<string>();

  /** Each session's own, by reference: what is added here is asked for at the next connect, too. */
  readonly #subscriptions: Subscription[];
  #session: Session | null = null;
  /** Worded anew on every connect, as it names the protocol. */
  #info: InfoMessage | null = null;
  readonly #underWay = new UnderWay();
  #inFlight = 0;
  #pumping = false;
  #accepting = true;
  #onDrained: (() => void) | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: CheckedOptions) {
    this.#options = options;
    this.#encoder = new MessageEncoder(options);
    this.#commands = new CommandChannel({
      options,
      sink: options.commands ?? (() => {}),
      session: () => this.#session,
      onAnswer: () => this.#pump(),
    });
    this.#outbox = createOutbox(options.outboxMax, this.#tally);
    this.#spooled = options.spool === undefined ? null : this.#openSpooled(options.spool);
    this.#stores = [
      this.#retained,
      this.#commands.responses,
      this.#outbox,
      ...(this.#spooled === null ? [] : [this.#spooled]),
    ];
    this.#subscriptions = [...options.subscriptions];
    if (options.listensToCommands) this.listenToCommands();
    this.#link = new BrokerLink({
      ...options,
      statusTopic: topicOf("status", options),
      subscriptions: this.#subscriptions,
      onOnline: (session, protocol) => this.#onOnline(session, protocol),
      onEnded: (end) => this.#onEnded(end),
    });
  }

  get state(): PublisherState {
    return this.#link.state;
  }
  get problem(): Problem | null {
    return this.#link.problem ?? this.#spooled?.problem ?? this.#commands.problem;
  }
  get protocol(): "5" | "3.1.1" | null {
    return this.#encoder.protocol;
  }
  get spoolCounts(): SpoolCounts | null {
    return this.#spooled?.spoolCounts ?? null;
  }
  get diskBusyMs(): number {
    return this.#spooled?.busy.forMs ?? 0;
  }
  get counts(): PublisherCounts {
    const { recovered, published, replaced, dropped, droppedByKind } = this.#tally;
    const queued = this.#stores.reduce((sum, store) => sum + store.queued, 0);
    return { recovered, queued, published, replaced, dropped, droppedByKind: { ...droppedByKind } };
  }

  listenToCommands(): void {
    const { subscription } = this.#commands;
    if (this.#options.commands === undefined || this.#subscriptions.includes(subscription)) return;
    this.#subscriptions.push(subscription);
    this.#session?.subscribe(subscription);
  }

  publish(message: Message): void {
    if (!this.#accepting) return tallyDrop(this.#tally, message.kind);
    try {
      const outgoing = this.#encoder.encode(message);
      if (message.kind === "info") this.#info = message;
      if (outgoing.message.retain) this.#retained.put(outgoing);
      else this.#queueOf(message.kind).push(outgoing);
    } catch (error) {
      tallyDrop(this.#tally, message.kind);
      const text = error instanceof Error ? error.message : String(error);
      this.#logOnce(`Cannot encode a message of kind ${message.kind}: ${text}`, { code: "publish.encode" });
      return;
    }
    this.#pump();
  }

  keep(topic: string, payload: string): void {
    if (!this.#accepting) return;
    const message = {
      topicKey: "announcement" as const,
      camera: "",
      seq: 0,
      qos: 1 as const,
      retain: true,
      payload,
      contentType: "application/json" as const,
      schema: null,
      expiryS: null,
    };
    this.#retained.put({ topic, message });
    this.#pump();
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #queueOf(kind: MessageKind): { push(outgoing: Outgoing): void } {
    return (SPOOLED_KINDS as readonly MessageKind[]).includes(kind) ? this.#spooled ?? this.#outbox : this.#outbox;
  }

  #openSpooled(terms: SpoolTerms): SpooledOutbox {
    const { outboxMax, clock, log } = this.#options;
    return new SpooledOutbox({
      terms,
      outboxMax,
      root: this.#options,
      tally: this.#tally,
      clock,
      log,
      onReady: () => this.#pump(),
      onDropped: (count, reason) => {
        const text = `${count} messages that waited on disk were dropped: ${reason}`;
        log("warn", text, { code: "publish.spool_dropped", count, reason });
        this.publish({ kind: "event", event: "spool_dropped", text, facts: { count, reason } });
      },
    });
  }

  /** In this order: status, info, announcements, every other retained topic, then what waits in the queues. */
  #onOnline(session: Session, protocol: "5" | "3.1.1"): void {
    this.#session = session;
    this.#encoder.protocol = protocol;
    this.#underWay.begin();
    this.#refusalsLogged.clear();
    if (this.#info !== null) this.#retained.reword(this.#encoder.encode(this.#info));
    this.#retained.resendAll(topicOf("info", this.#options));
    this.#inFlight++;
    session.sendStatus("online", (refusal) => {
      this.#inFlight--;
      this.#underWay.answeredStatus();
      if (refusal !== null) this.#logRefusal("status", topicOf("status", this.#options), refusal);
      this.#pump();
    });
    this.#pump();
  }

  /** What the session did not deliver waits again. */
  #onEnded(end: SessionEnd): void {
    const given = end.mayBeMessage ? this.#underWay.blame(this.#options.clock.nowUs()) : null;
    if (given !== null) {
      given.store.settle(given.outgoing, false);
      this.#logRefusal(given.outgoing.message.topicKey, given.outgoing.topic, REFUSED_BY_CLOSING);
    }
    this.#session = null;
    this.#inFlight = 0;
    this.#commands.problem = null;
    for (const store of this.#stores) store.rewind();
    this.#onDrained?.();
  }

  /** Sends as much as the session has room for. */
  #pump(): void {
    const session = this.#session;
    // A QoS 0 message is answered within `send`, which must not dig one level deeper for each of a long queue.
    if (session === null || this.#pumping) return;
    this.#pumping = true;
    const inFlightMax = this.#underWay.most(session.inFlightMax);
    while (this.#inFlight < inFlightMax) {
      if (!this.#stores.some((store) => this.#sendNext(store, session))) break;
    }
    this.#pumping = false;
    if (this.#inFlight === 0) this.#onDrained?.();
  }

  /** Sends the store's next message; false when it has none. */
  #sendNext(store: MessageStore, session: Session): boolean {
    const outgoing = store.next();
    if (outgoing === undefined) return false;
    if (this.#underWay.refuses(outgoing, this.#options.clock.nowUs())) {
      store.settle(outgoing, false);
      this.#logRefusal(outgoing.message.topicKey, outgoing.topic, REFUSED_UNTRIED);
      return true;
    }
    this.#inFlight++;
    this.#underWay.add({ outgoing, store });
    session.send(outgoing, (refusal) => {
      this.#inFlight--;
      this.#underWay.answered(outgoing);
      store.settle(outgoing, refusal === null);
      if (refusal === null) this.#tellDelivered(outgoing);
      else this.#logRefusal(outgoing.message.topicKey, outgoing.topic, refusal);
      this.#pump();
    });
    return true;
  }

  #tellDelivered({ message: { topicKey, camera }, acceptedAtUs }: Outgoing): void {
    if (topicKey !== "result" || acceptedAtUs === undefined) return;
    const { onDelivered, clock } = this.#options;
    onDelivered?.(camera, clock.nowUs() - acceptedAtUs);
  }

  #logRefusal(kind: StreamKey | "status", topic: string, refusal: string): void {
    const text = `Cannot publish to ${topic} as the broker must accept its messages: found ${refusal}`;
    this.#logOnce(text, { code: "publish.rejected", kind, topic });
  }

  #logOnce(text: string, facts: Readonly<Record<string, unknown>>): void {
    if (this.#refusalsLogged.has(text) || this.#refusalsLogged.size >= REFUSALS_LOGGED_MAX) return;
    this.#refusalsLogged.add(text);
    this.#options.log("error", text, facts);
  }

  async #stop(): Promise<void> {
    this.#accepting = false;
    if (this.#session !== null) {
      const drained = new Promise<void>((resolve) => this.#onDrained = resolve);
      this.#pump();
      await this.#within(STOP_DRAIN_MS, drained);
      this.#onDrained = null;
    }
    const session = this.#session;
    if (session !== null) {
      const told = new Promise<void>((resolve) => session.sendStatus("stopped", () => resolve()));
      await this.#within(STOP_STATUS_MS, Promise.race([told, session.ended]));
      session.disconnect();
      await this.#within(STOP_DISCONNECT_MS, session.ended);
    }
    await this.#link.close();
    const { log, name } = this.#options;
    const before = this.#tally.dropped;
    await this.#spooled?.close();
    for (const store of this.#stores) store.discard();
    const left = this.#tally.dropped - before;
    const kept = this.counts.queued;
    const text = (left === 0 ? "" : `; ${left} messages were not delivered`) +
      (kept === 0 ? "" : `; ${kept} messages stay on disk`);
    log(left === 0 ? "info" : "warn", `Stopped publishing to ${name}${text}`, { broker: name, left, kept });
  }

  /** Waits for `done`, but no longer than `durationMs`, and leaves no timer behind. */
  async #within(durationMs: number, done: Promise<unknown>): Promise<void> {
    const cancel = new AbortController();
    await Promise.race([done, this.#options.clock.sleep(durationMs, cancel.signal)]);
    cancel.abort();
  }
}
