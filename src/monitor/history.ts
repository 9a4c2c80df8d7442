/** What a viewer that comes later is told of what was before: short rings, in memory, gone with the program. */

import type { LatencyMessage, PowerMessage, StateMessage } from "../core/messages.ts";
import type { HistoryEvent } from "./events.ts";

/** Windows of latency and power kept: an hour at the default of one in 10 s. */
export const WINDOWS_MAX = 360;
/** Changes of a camera's class kept. */
export const STATES_MAX = 50;

/** Rings of one gateway, by camera where that matters. At most as many cameras as the gateway has had. */
export class History {
  readonly #latency = new Map<string, HistoryEvent["latency"][number][]>();
  readonly #states = new Map<string, HistoryEvent["states"][number][]>();
  readonly #power: HistoryEvent["power"][number][] = [];

  addLatency({ camera, stages: { endToEnd } }: LatencyMessage, wallMs: number): void {
    const { count, p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = endToEnd;
    const row = { ts: time(wallMs), n: count, p50: p50Ms, p90: p90Ms, p99: p99Ms, p999: p999Ms, max: maxMs };
    push(ringOf(this.#latency, camera), row, WINDOWS_MAX);
  }

  addPower({ total }: PowerMessage, wallMs: number): void {
    push(this.#power, { ts: time(wallMs), power_w: total?.powerW ?? null }, WINDOWS_MAX);
  }

  /** Keeps changes; a heartbeat of the same state is none. */
  addState({ camera, classId, sinceWallMs }: StateMessage): void {
    const ring = ringOf(this.#states, camera);
    const row = { class: classId, since: time(sinceWallMs) };
    const last = ring[ring.length - 1];
    if (last?.class !== row.class || last.since !== row.since) push(ring, row, STATES_MAX);
  }

  /** Everything about a camera, and the gateway's power. */
  read(camera: string): HistoryEvent {
    return {
      schema: "quartz.page.history.v1",
      camera,
      latency: this.#latency.get(camera) ?? [],
      states: this.#states.get(camera) ?? [],
      power: this.#power,
    };
  }

  /** Forgets cameras that are gone. */
  keepOnly(cameras: ReadonlySet<string>): void {
    for (const rings of [this.#latency, this.#states]) {
      for (const camera of rings.keys()) if (!cameras.has(camera)) rings.delete(camera);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function ringOf<T>(rings: Map<string, T[]>, camera: string): T[] {
  let ring = rings.get(camera);
  if (ring === undefined) rings.set(camera, ring = []);
  return ring;
}

function push<T>(ring: T[], item: T, max: number): void {
  ring.push(item);
  if (ring.length > max) ring.shift();
}

function time(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
