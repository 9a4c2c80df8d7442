/** A monitor over a gateway that does not run: enough to ask it things. */

import { systemClock } from "../../src/core/clock.ts";
import type { Problem } from "../../src/core/messages.ts";
import { createRandom } from "../../src/core/random.ts";
import { Monitor, type MonitorOptions, type Watched } from "../../src/monitor/monitor.ts";
import type { CameraView } from "../../src/runtime/runtime.ts";
import { StageLatencies } from "../../src/telemetry/stage_latency.ts";
import { darkOrBright } from "./runtime_parts.ts";

/** A monitor that listens, and what it watches. */
export interface StartedMonitor extends AsyncDisposable {
  readonly monitor: Monitor;
  readonly port: number;
  readonly url: string;
  readonly problems: Map<string, string>;
}

/** Starts one on a free port of this machine; resolves when it listens. */
export async function startMonitor(options: Partial<MonitorOptions> = {}): Promise<StartedMonitor> {
  const problems = new Map<string, string>();
  const { promise: listening, resolve } = Promise.withResolvers<string>();
  const monitor = new Monitor({
    host: "127.0.0.1",
    port: 0,
    token: null,
    hosts: [],
    viewersMax: 200,
    page: true,
    gateway: "gw1",
    version: "0.0.0",
    kernel: { kind: "reference" },
    metrics: true,
    clock: systemClock,
    random: createRandom(1),
    ...options,
    onListening: (url) => {
      options.onListening?.(url);
      resolve(url);
    },
  });
  monitor.watch(watched(problems));
  const url = await listening;
  return {
    monitor,
    url,
    port: Number(new URL(url).port),
    problems,
    [Symbol.asyncDispose]: () => monitor[Symbol.asyncDispose](),
  };
}

/** Two cameras, nothing wrong but what `problems` gets. */
export function watched(problems: Map<string, string>): Watched {
  const counts = {
    captured: 7,
    classified: 4,
    inFlight: 1,
    droppedBusy: 2,
    droppedStale: 0,
    droppedMalformed: 0,
    droppedFailed: 0,
  };
  const network = darkOrBright();
  const camera = (id: string): CameraView => {
    return { id, network, backend: "simulator", status: "online", counts, latencies: new StageLatencies() };
  };
  const cameras = [camera("door"), camera("yard")];
  return {
    cameras,
    get problems() {
      return [...problems].map(([what, text]): Problem => ({ what, text, sinceWallMs: 0 }));
    },
    setProblem: (what, text) => text === null ? problems.delete(what) : problems.set(what, text),
    publisher: {
      state: "online",
      counts: { recovered: 0, queued: 0, published: 4, replaced: 0, dropped: 0, droppedByKind: {} as never },
    },
    rssBytes: () => 1,
    metricsText: () => "quartz_frames_captured_total 7\n",
  };
}
