/** The page and figures that a gateway shows over HTTP, as a companion of its runtime. */

import process from "node:process";
import { parseListen } from "../../config/monitor_schema.ts";
import type { Config, MonitorConfig } from "../../config/types.ts";
import { Monitor } from "../../monitor/monitor.ts";
import type { KernelChoice } from "../../simulator/choose_kernel.ts";
import { VERSION } from "../version.ts";
import type { Companion, WatchedGateway } from "./companions.ts";
import type { ComposeOptions } from "./options.ts";

/** Makes it; it neither listens nor shows anything before `start`. */
export function openMonitor(config: Config, monitor: MonitorConfig, options: ComposeOptions): Companion {
  const { clock, random, log, onMonitor } = options;
  const made = new Monitor({
    ...parseListen(monitor.listen),
    token: monitor.token?.reveal() ?? null,
    hosts: monitor.hosts,
    viewersMax: monitor.viewersMax,
    page: monitor.page,
    gateway: config.gateway.id,
    version: VERSION,
    kernel: kernelOf(config),
    metrics: monitor.metrics,
    onListening: (url) => {
      log("info", "monitor", { url });
      onMonitor?.(url);
    },
    clock,
    random,
  });
  return {
    name: "monitor",
    listener: made,
    observer: made.observer,
    start: ({ runtime, publisher, metricsText }: WatchedGateway) =>
      made.watch({
        get cameras() {
          return runtime.cameras;
        },
        get problems() {
          return runtime.problems;
        },
        setProblem: (what, text) => runtime.setProblem(what, text),
        publisher,
        metricsText,
        rssBytes: () => process.memoryUsage.rss(),
      }),
    [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** What gives the same levels as the back end, and keeps those of all layers. */
function kernelOf({ backend }: Config): KernelChoice {
  // A board's network lies on the board's own integers, where the reference kernel is exact.
  return backend.kind === "loihi" ? { kind: "reference" } : { kind: "fast", weightBits: backend.weightBits };
}
