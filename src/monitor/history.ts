/** What a viewer that comes later is told of what was before: short rings, in memory, gone with the program. */

import type { LatencyMessage, PowerMessage, StateMessage } from "../core/messages.ts";
import type { HistoryEvent, StatesEvent } from "./events.ts";

/** Windows of latency and power kept: an hour at the default of one in 10 s. */
export const WINDOWS_MAX = 360;
/** Changes of a camera's class kept. */
export const STATES_MAX = 16;

/** Rings of one gateway, by camera where that matters. At most as many cameras as the gateway has had. */
export class History {
  readonly #latency = new Map<string, HistoryEvent["latency"][number][]>();
  /** As numbers: at full speed a state may change with every frame. */
  readonly #states = new Map<string, StateRing>();
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
    let ring = this.#states.get(camera);
    if (ring === undefined) this.#states.set(camera, ring = { changes: 0, states: [] });
    const { states } = ring;
    const last = states[states.length - 1];
    if (last?.classId === classId && last.sinceWallMs === sinceWallMs) return;
    ring.changes++;
    push(states, { classId, sinceWallMs }, STATES_MAX);
  }

  /** The newest states of a camera, and how often it changed. */
  readStates(camera: string): StatesEvent {
    const { changes, states } = this.#states.get(camera) ?? { changes: 0, states: [] };
    return {
      schema: "quartz.page.states.v1",
      camera,
      changes,
      states: states.map(({ classId, sinceWallMs }) => ({ class: classId, since: time(sinceWallMs) })),
    };
  }

  /** Everything about a camera, and the gateway's power. */
  read(camera: string): HistoryEvent {
    return {
      schema: "quartz.page.history.v1",
      camera,
      latency: this.#latency.get(camera) ?? [],
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

interface StateRing {
  changes: number;
  readonly states: { readonly classId: string; readonly sinceWallMs: number }[];
}

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
