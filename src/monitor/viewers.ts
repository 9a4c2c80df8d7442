/**
 * Those who look: server-sent events to many viewers, of whom any may be slow.
 *
 * A viewer's socket is written to until it is full. From then on the newest event of each kind waits in a slot, and
 * overwrites the one before it, until the socket has room: a slow viewer loses events of its own, and nothing grows.
 */

import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { MissedEvent } from "./events.ts";

/** A viewer whose socket was full for this long is let go, µs. */
const STALLED_US_MAX = 30e6;

/** What can be told to viewers. */
export interface ViewerEvent {
  /** The event's name. */
  readonly name: string;
  /** Only the newest event of a key is kept for a slow viewer. */
  readonly key: string;
  /** JSON; made once for all viewers. */
  readonly bytes: Uint8Array;
}

/** An event as it goes over the wire. @param key what a newer event must have in common to replace it */
export function viewerEvent(name: string, data: object | string, key = name): ViewerEvent {
  const json = typeof data === "string" ? data : JSON.stringify(data);
  return { name, key, bytes: Buffer.from(`event: ${name}\ndata: ${json}\n\n`) };
}

/** All viewers of a monitor. */
export class Viewers {
  readonly #viewers = new Set<Viewer>();
  /** Viewers of each camera that has any: asked for at every frame. */
  readonly #watching = new Map<string, number>();
  readonly #max: number;
  readonly #clock: Pick<Clock, "nowUs">;

  /** @param max most viewers at once */
  constructor(max: number, clock: Pick<Clock, "nowUs">) {
    this.#max = max;
    this.#clock = clock;
  }

  get count(): number {
    return this.#viewers.size;
  }

  /** True when no more may come. */
  get isFull(): boolean {
    return this.#viewers.size >= this.#max;
  }

  /** How many watch this camera. */
  watching(camera: string): number {
    return this.#watching.get(camera) ?? 0;
  }

  /**
   * Takes a response over, whose head has been sent, until either side ends it.
   *
   * @param camera the one that is watched; null: none
   */
  add(response: ServerResponse, camera: string | null, onGone: () => void): (event: ViewerEvent) => void {
    const viewer = new Viewer(response, camera, this.#clock);
    this.#viewers.add(viewer);
    if (camera !== null) this.#watching.set(camera, this.watching(camera) + 1);
    response.once("close", () => {
      this.#viewers.delete(viewer);
      if (camera !== null) this.#leave(camera);
      onGone();
    });
    // A peer that resets its connection is gone, and no more than that.
    response.on("error", () => response.destroy());
    return (event) => viewer.offer(event);
  }

  #leave(camera: string): void {
    const left = this.watching(camera) - 1;
    if (left > 0) this.#watching.set(camera, left);
    else this.#watching.delete(camera);
  }

  /** Tells all viewers, or those who watch `camera`. */
  tell(event: ViewerEvent, camera: string | null = null): void {
    for (const viewer of this.#viewers) if (camera === null || viewer.camera === camera) viewer.offer(event);
  }

  /** Lets every viewer go. */
  end(): void {
    for (const viewer of this.#viewers) viewer.end();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

class Viewer {
  readonly camera: string | null;
  readonly #response: ServerResponse;
  readonly #clock: Pick<Clock, "nowUs">;
  /** The newest event of each key that waits for room, oldest first. */
  readonly #waiting = new Map<string, ViewerEvent>();
  #missed = 0;
  #missedTold = 0;
  /** Since when the socket is full, µs; −1: it is not. */
  #fullUs = -1;

  constructor(response: ServerResponse, camera: string | null, clock: Pick<Clock, "nowUs">) {
    this.camera = camera;
    this.#response = response;
    this.#clock = clock;
    response.on("drain", () => this.#drain());
  }

  offer(event: ViewerEvent): void {
    if (this.#fullUs < 0) return this.#write(event.bytes);
    if (this.#waiting.delete(event.key)) this.#missed++;
    this.#waiting.set(event.key, event);
    if (this.#clock.nowUs() - this.#fullUs > STALLED_US_MAX) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
    this.#response.destroy();
  }

  #write(bytes: Uint8Array): void {
    if (!this.#response.write(bytes)) this.#fullUs = this.#clock.nowUs();
  }

  #drain(): void {
    this.#fullUs = -1;
    for (const [key, { bytes }] of this.#waiting) {
      if (this.#fullUs >= 0) return;
      this.#waiting.delete(key);
      this.#write(bytes);
    }
    if (this.#missed === this.#missedTold || this.#fullUs >= 0) return;
    this.#missedTold = this.#missed;
    const missed: MissedEvent = { schema: "quartz.page.missed.v1", total: this.#missed };
    this.#write(viewerEvent("missed", missed).bytes);
  }
}
