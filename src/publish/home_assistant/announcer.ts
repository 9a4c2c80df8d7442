/**
 * Keeps Home Assistant told of the gateway's device: when the gateway changes, when Home Assistant starts, and when
 * entities are gone.
 *
 * What was announced before is read back from the broker, which keeps it anyway: so entities that a new configuration no
 * longer has disappear even when the gateway's disk was wiped in between.
 */

import type { Clock } from "../../core/clock.ts";
import type { InfoMessage, Message } from "../../core/messages.ts";
import type { Random } from "../../core/random.ts";
import type { MessageListener } from "../../ports/message_listener.ts";
import type { Log } from "../mqtt_options.ts";
import type { InboundMessage, Subscription } from "../mqtt_session.ts";
import type { Component } from "./component.ts";
import { birthTopic, type DeviceDiscovery, discoveryTopic } from "./device.ts";

/** What an announcer works with. */
export interface AnnouncerOptions {
  readonly prefix: string;
  readonly gatewayId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The device as it is now. */
  describe(info: InfoMessage): DeviceDiscovery;
  /** See `MqttPublisher.keep`. */
  keep(topic: string, payload: string): void;
}

/** Home Assistant has much to do when it starts, and many gateways may answer it at once. */
const BIRTH_DELAY_MS_MIN = 1000;
const BIRTH_DELAY_MS_MAX = 5000;
/** How long removed entities are named as removed, before the message goes on without them. */
const REMOVAL_MS = 10_000;
/** Longer messages on the discovery topic are not ours. */
const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;

/** Entities by key. */
type Components = Readonly<Record<string, Partial<Component>>>;
/** A removed entity: its platform and nothing else. */
type Removal = Pick<Component, "p">;

/** See the head of this file. Hears every `info`. */
export class Announcer implements MessageListener, AsyncDisposable {
  readonly #options: AnnouncerOptions;
  readonly #topic: string;
  readonly #closing = new AbortController();
  #device: DeviceDiscovery | null = null;
  /** What the broker kept, while there is no device to compare it with. */
  #kept: Components = {};
  /** Entities that were announced and are no more, by key. */
  #removed = new Map<string, Removal>();
  #isBirthPending = false;
  #removals = 0;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#topic = discoveryTopic(options.prefix, options.gatewayId);
  }

  /** What the publisher must listen to. */
  get subscriptions(): Subscription[] {
    const { prefix, log } = this.#options;
    const listenTo = (filter: string, onMessage: (message: InboundMessage) => void): Subscription => ({
      filter,
      retainAsPublished: false,
      onMessage,
      onRefused: (found) =>
        log("warn", `Cannot hear of Home Assistant as the broker must let us subscribe to ${filter}: found ${found}`, {
          code: "publish.subscribe",
          filter,
        }),
    });
    return [
      listenTo(birthTopic(prefix), (message) => this.#onBirth(message)),
      listenTo(this.#topic, (message) => this.#onKept(message)),
    ];
  }

  onMessage(message: Message): void {
    if (message.kind !== "info") return;
    const before = this.#device?.cmps ?? this.#kept;
    this.#kept = {};
    this.#device = this.#options.describe(message);
    for (const key of Object.keys(this.#device.cmps)) this.#removed.delete(key);
    this.#remove(before);
    this.#announce();
  }

  /** Ends what waits. What was announced stays: an absent gateway shows as unavailable. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  #announce(): void {
    if (this.#device === null) return;
    const cmps = { ...this.#device.cmps, ...Object.fromEntries(this.#removed) };
    this.#options.keep(this.#topic, JSON.stringify({ ...this.#device, cmps }));
  }

  /** Those of `before` that are no more are named as removed for a while; true when there are such. */
  #remove(before: Components): boolean {
    const current = this.#device?.cmps ?? {};
    let hasNew = false;
    for (const [key, component] of Object.entries(before)) {
      // One that is only a platform was removed before.
      if (key in current || this.#removed.has(key) || Object.keys(component).length < 2) continue;
      if (component.p === undefined) continue;
      this.#removed.set(key, { p: component.p });
      hasNew = true;
    }
    if (hasNew) void this.#forgetRemoved();
    return hasNew;
  }

  async #forgetRemoved(): Promise<void> {
    const { clock } = this.#options;
    const turn = ++this.#removals;
    await clock.sleep(REMOVAL_MS, this.#closing.signal);
    if (this.#closing.signal.aborted || turn !== this.#removals) return;
    this.#removed.clear();
    this.#announce();
  }

  /** What the broker kept from an earlier announcement, perhaps of an earlier run. */
  #onKept({ isRetained, payload }: InboundMessage): void {
    if (!isRetained || payload.length > PAYLOAD_BYTES_MAX) return; // our own, on its way out
    const components = componentsOf(payload);
    if (this.#device === null) this.#kept = components;
    else if (this.#remove(components)) this.#announce();
  }

  #onBirth({ isRetained, payload }: InboundMessage): void {
    // One that the broker kept is older than our own last announcement.
    if (isRetained || this.#isBirthPending || new TextDecoder().decode(payload) !== "online") return;
    this.#isBirthPending = true;
    void this.#answerBirth();
  }

  async #answerBirth(): Promise<void> {
    const { clock, random, log } = this.#options;
    const delayMs = BIRTH_DELAY_MS_MIN + random.integer(BIRTH_DELAY_MS_MAX - BIRTH_DELAY_MS_MIN);
    await clock.sleep(delayMs, this.#closing.signal);
    this.#isBirthPending = false;
    if (this.#closing.signal.aborted) return;
    log("info", "Home Assistant started: announced this gateway again", {});
    this.#announce();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** The entities of a discovery message that anyone may have written; none when it is not one. */
function componentsOf(payload: Uint8Array): Components {
  try {
    const { cmps } = JSON.parse(new TextDecoder().decode(payload)) as { cmps?: unknown };
    if (typeof cmps !== "object" || cmps === null) return {};
    const entries = Object.entries(cmps).filter(([, one]) => typeof one === "object" && typeof one?.p === "string");
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}
