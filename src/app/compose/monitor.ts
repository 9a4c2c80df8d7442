/** The monitor that a configuration asks for, and how it is joined to a runtime. */

import process from "node:process";
import type { Config } from "../../config/types.ts";
import { parseListen } from "../../config/monitor_schema.ts";
import { Monitor } from "../../monitor/monitor.ts";
import type { Publisher } from "../../ports/publisher.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { KernelChoice } from "../../simulator/choose_kernel.ts";
import { VERSION } from "../version.ts";
import type { ComposeOptions } from "./options.ts";

/** Makes the monitor; it neither listens nor shows anything before `watchGateway`. Null where none is configured. */
export function openMonitor(config: Config, options: ComposeOptions): Monitor | null {
  const { monitor, gateway } = config;
  if (monitor === null) return null;
  const { clock, random, log, onMonitor } = options;
  return new Monitor({
    ...parseListen(monitor.listen),
    token: monitor.token?.reveal() ?? null,
    hosts: monitor.hosts,
    viewersMax: monitor.viewersMax,
    page: monitor.page,
    gateway: gateway.id,
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
}

/** Lets the monitor see a runtime that is about to run. */
export function watchGateway(
  monitor: Monitor,
  { runtime, publisher, metricsText }: {
    readonly runtime: Runtime;
    readonly publisher: Publisher;
    readonly metricsText: () => string;
  },
): void {
  monitor.watch({
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
  });
}

// ---------------------------------------------------------------------------------------------------------------------

/** What gives the same levels as the back end, and keeps those of all layers. */
function kernelOf({ backend }: Config): KernelChoice {
  // A board's network lies on the board's own integers, where the reference kernel is exact.
  return backend.kind === "loihi" ? { kind: "reference" } : { kind: "fast", weightBits: backend.weightBits };
}
