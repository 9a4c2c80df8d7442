/**
 * A Sparkplug B edge node without its connection: what is born, what has changed, in which order it is told.
 *
 * Sparkplug 3.0: a birth names every metric with its type and an alias, data refers to aliases and holds only what has
 * changed, one sequence number counts all messages of the node and its devices. The broker keeps nothing for an edge node,
 * so what changes while nobody is told waits here, up to a limit, and is told after the birth as historical.
 */

import type { Clock } from "../../core/clock.ts";
import type { CommandVerb } from "../../core/commands.ts";
import type { CameraStatus, InfoMessage, Message, MessageKind } from "../../core/messages.ts";
import type { PublisherCounts } from "../../ports/publisher.ts";
import { createTally, tallyDrop } from "../message_store.ts";
import { type Datatype, encodePayload, type IncomingMetric, type MetricValue, type OutgoingMetric } from "./codec.ts";
import * as table from "./metric_table.ts";

/** Name, rights and limits of an edge node. */
export interface EdgeNodeOptions {
  readonly group: string;
  readonly node: string;
  readonly allow: readonly CommandVerb[];
  /** Most updates that wait for a connection; the oldest go first. */
  readonly historyMax: number;
  readonly clock: Pick<Clock, "wallMs">;
}

/** Takes a message away; false when the connection is congested and it was not taken. */
export type Send = (topic: string, payload: Uint8Array) => boolean;

/** A write to a device that is to be carried out. */
export type DeviceWrite =
  | { readonly camera: string; readonly verb: "pause"; readonly paused: boolean }
  | { readonly camera: string; readonly verb: "set_threshold"; readonly threshold: number };

interface Metric {
  readonly name: string;
  readonly alias: number;
  readonly datatype: Datatype;
  value: MetricValue;
  timestampMs: number;
}

/** The node itself, or a device. */
interface Owner {
  /** Null: the node. */
  readonly camera: string | null;
  readonly metrics: Map<string, Metric>;
  /** Whether a device is there to be born. */
  isPresent: boolean;
  isBorn: boolean;
}

interface Update {
  readonly kind: MessageKind;
  readonly owner: Owner;
  readonly changes: readonly OutgoingMetric[];
}

/** Sequence numbers and bdSeq count from 0 to 255. */
export const SEQ_MODULUS = 256;
/** Most metrics in one message of history. */
const BATCH_METRICS_MAX = 500;

/** See the head of this file. */
export class EdgeNode {
  readonly #options: EdgeNodeOptions;
  readonly #owners = new Map<string | null, Owner>();
  /** By owner and name; a name keeps its alias for as long as the program runs. */
  readonly #aliases = new Map<string, number>();
  readonly #tally = createTally();
  #history: Update[] = [];
  #send: Send | null = null;
  #bdSeq = 0;
  #seq = 0;
  /** The connection did not take the last message. */
  #isCongested = false;

  constructor(options: EdgeNodeOptions) {
    this.#options = options;
  }

  /** Of updates, one a message of the runtime that concerns Sparkplug. */
  get counts(): PublisherCounts {
    return { ...this.#tally, queued: this.#history.length, droppedByKind: { ...this.#tally.droppedByKind } };
  }

  /** `spBv1.0/<group>/<type>/<node>[/<device>]` */
  topic(type: string, camera: string | null = null): string {
    const { group, node } = this.#options;
    return `spBv1.0/${group}/${type}/${node}${camera === null ? "" : `/${camera}`}`;
  }

  /** The NDEATH that belongs to a session: nothing but its bdSeq. */
  death(bdSeq: number): Uint8Array {
    const timestampMs = this.#options.clock.wallMs();
    return encodePayload({ timestampMs, metrics: [bdSeqMetric(bdSeq, timestampMs)] });
  }

  /** From now on messages go out by `send`; the births come first, as soon as the gateway has said what it is. */
  begin(bdSeq: number, send: Send): void {
    this.#bdSeq = bdSeq;
    this.#send = send;
    this.rebirth();
  }

  /** From now on updates wait. */
  end(): void {
    this.#send = null;
    for (const owner of this.#owners.values()) owner.isBorn = false;
  }

  /** Tells everything anew, with the same bdSeq. */
  rebirth(): void {
    const node = this.#owners.get(null);
    if (this.#send === null || node === undefined) return;
    for (const owner of this.#owners.values()) owner.isBorn = false;
    this.#seq = 0;
    const timestampMs = this.#options.clock.wallMs();
    const rebirth = { name: table.REBIRTH, timestampMs, datatype: "Boolean", isTyped: true, value: false } as const;
    const own = [bdSeqMetric(this.#bdSeq, timestampMs), rebirth];
    node.isBorn = this.#publish("NBIRTH", node, [...own, ...births(node)]);
    for (const owner of this.#owners.values()) if (owner.isPresent && owner !== node) this.#bear(owner);
    this.#tellHistory();
  }

  /** Takes a message of the runtime. */
  take(message: Message): void {
    if (this.#isCongested) this.#tellHistory();
    switch (message.kind) {
      case "info":
        this.#define(message);
        return this.#update("info", null, table.infoValues(message));
      case "health":
        this.#update("health", null, table.healthValues(message));
        for (const camera of message.cameras) {
          this.#update("health", camera.camera, table.cameraHealthValues(camera), false);
        }
        return;
      case "power":
        return this.#update("power", null, table.powerValues(message));
      case "state":
        return this.#update("state", message.camera, table.stateValues(message));
      case "latency":
        return this.#update("latency", message.camera, table.latencyValues(message));
      case "cameraStatus":
        return this.#setStatus(message.camera, message.status);
      case "result":
      case "event":
        return; // single frames are too many, and events are no metrics
    }
  }

  /** True when the command asks for a rebirth. */
  asksForRebirth(metrics: readonly IncomingMetric[]): boolean {
    return metrics.some(({ name, value }) => name === table.REBIRTH && value === true);
  }

  /** What a command to a device wants; writes to what cannot be written are left out. */
  writesOf(camera: string, metrics: readonly IncomingMetric[]): DeviceWrite[] {
    const owner = this.#owners.get(camera);
    if (owner === undefined) return [];
    return metrics.flatMap(({ name, alias, value }): DeviceWrite[] => {
      const metric = [...owner.metrics.values()].find((one) => one.name === name || one.alias === alias);
      if (metric?.name === table.PAUSE && typeof value === "boolean") return [{ camera, verb: "pause", paused: value }];
      if (metric?.name === table.THRESHOLD && typeof value === "number") {
        return [{ camera, verb: "set_threshold", threshold: value }];
      }
      return [];
    });
  }

  /** The gateway says what it is; when that means other metrics or devices, everything is born again. */
  #define(info: InfoMessage): void {
    const wanted = new Map<string | null, table.Definitions>([[null, table.nodeDefinitions(info)]]);
    for (const { camera } of info.cameras) wanted.set(camera, table.deviceDefinitions(this.#options.allow));
    let hasChanged = false;
    for (const [camera, owner] of this.#owners) {
      if (wanted.has(camera)) continue;
      this.#kill(owner);
      this.#owners.delete(camera);
    }
    for (const [camera, definitions] of wanted) {
      const owner = this.#owners.get(camera);
      if (owner !== undefined && hasSameNames(owner.metrics, definitions)) continue;
      hasChanged = true;
      const metrics = this.#createMetrics(camera, definitions, owner?.metrics);
      this.#owners.set(camera, { camera, metrics, isPresent: owner?.isPresent ?? camera === null, isBorn: false });
    }
    if (!hasChanged) return;
    // Values that come with the message belong into the birth.
    for (const [name, value] of Object.entries(table.infoValues(info))) {
      this.#owners.get(null)!.metrics.get(name)!.value = value;
    }
    this.rebirth();
  }

  #createMetrics(
    camera: string | null,
    definitions: table.Definitions,
    before: ReadonlyMap<string, Metric> | undefined,
  ): Map<string, Metric> {
    const timestampMs = this.#options.clock.wallMs();
    return new Map(
      Object.entries(definitions).map(([name, datatype]) => {
        const key = `${camera ?? ""}/${name}`;
        const alias = this.#aliases.get(key) ?? this.#aliases.size;
        this.#aliases.set(key, alias);
        return [name, before?.get(name) ?? { name, alias, datatype, value: null, timestampMs }];
      }),
    );
  }

  #setStatus(camera: string, status: CameraStatus): void {
    const owner = this.#owners.get(camera);
    if (owner === undefined) return;
    owner.isPresent = status === "online" || status === "paused";
    if (!owner.isPresent) this.#kill(owner);
    this.#update("cameraStatus", camera, { status, [table.PAUSE]: status === "paused" }, false);
    if (owner.isPresent && !owner.isBorn) {
      this.#bear(owner);
      this.#tellHistory();
    }
  }

  #bear(owner: Owner): void {
    if (this.#owners.get(null)?.isBorn !== true) return;
    owner.isBorn = this.#publish("DBIRTH", owner, births(owner));
  }

  #kill(owner: Owner): void {
    if (owner.isBorn && owner.camera !== null) this.#publish("DDEATH", owner, []);
    owner.isBorn = false;
  }

  /** Tells what has changed, or keeps it for later; what is not `worthKeeping` waits for a birth in its metrics alone. */
  #update(kind: MessageKind, camera: string | null, values: table.Values, worthKeeping = true): void {
    const owner = this.#owners.get(camera);
    if (owner === undefined) return;
    const timestampMs = this.#options.clock.wallMs();
    const changes = Object.entries(values).flatMap(([name, value]): OutgoingMetric[] => {
      const metric = owner.metrics.get(name);
      if (metric === undefined || Object.is(metric.value, value)) return [];
      metric.value = value;
      metric.timestampMs = timestampMs;
      return [{ alias: metric.alias, datatype: metric.datatype, isTyped: false, timestampMs, value }];
    });
    const isTold = changes.length === 0 || (owner.isBorn && this.#publish(dataOf(owner), owner, changes));
    if (isTold || (!worthKeeping && !owner.isBorn)) {
      this.#tally.published++;
      return;
    }
    this.#history.push({ kind, owner, changes });
    if (this.#history.length <= this.#options.historyMax) return;
    tallyDrop(this.#tally, this.#history.shift()!.kind);
  }

  /** What waited, of the node and of devices that are born. */
  #tellHistory(): void {
    const waiting = this.#history;
    this.#history = [];
    let batch: { owner: Owner; metrics: OutgoingMetric[]; updates: Update[] } | null = null;
    const flush = () => {
      if (batch === null) return;
      if (this.#publish(dataOf(batch.owner), batch.owner, batch.metrics)) this.#tally.published += batch.updates.length;
      else this.#history.push(...batch.updates);
      batch = null;
    };
    for (const update of waiting) {
      const owner = this.#owners.get(update.owner.camera);
      if (owner === undefined) tallyDrop(this.#tally, update.kind);
      else if (!owner.isBorn) this.#history.push(update);
      else {
        if (batch !== null && (batch.owner !== owner || batch.metrics.length >= BATCH_METRICS_MAX)) flush();
        batch ??= { owner, metrics: [], updates: [] };
        batch.metrics.push(...update.changes.map((change) => ({ ...change, isHistorical: true })));
        batch.updates.push(update);
      }
    }
    flush();
  }

  /** Sends a message with the next sequence number; false when it was not taken. */
  #publish(type: string, owner: Owner, metrics: readonly OutgoingMetric[]): boolean {
    if (this.#send === null) return false;
    const payload = encodePayload({ timestampMs: this.#options.clock.wallMs(), seq: this.#seq, metrics });
    this.#isCongested = !this.#send(this.topic(type, owner.camera), payload);
    if (this.#isCongested) return false;
    this.#seq = (this.#seq + 1) % SEQ_MODULUS;
    return true;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function bdSeqMetric(bdSeq: number, timestampMs: number): OutgoingMetric {
  return { name: "bdSeq", timestampMs, datatype: "Int64", isTyped: true, value: bdSeq };
}

function births({ metrics }: Owner): OutgoingMetric[] {
  return [...metrics.values()].map((metric) => ({ ...metric, isTyped: true }));
}

function dataOf({ camera }: Owner): string {
  return camera === null ? "NDATA" : "DDATA";
}

function hasSameNames(metrics: ReadonlyMap<string, Metric>, definitions: table.Definitions): boolean {
  const names = Object.keys(definitions);
  return names.length === metrics.size && names.every((name) => metrics.has(name));
}
