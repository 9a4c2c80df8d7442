/** What runs beside a runtime: the page, the history, Home Assistant's announcements, a Sparkplug edge node, an exporter. */

import type { Config } from "../../config/types.ts";
import type { CommandSink } from "../../ports/commands.ts";
import type { MessageListener } from "../../ports/message_listener.ts";
import type { Publisher } from "../../ports/publisher.ts";
import type { Subscription } from "../../publish/mqtt_session.ts";
import type { CameraView, Runtime, RuntimeObserver } from "../../runtime/runtime.ts";
import type { MetricsView } from "../../telemetry/metrics_view.ts";
import type { ComposeOptions } from "./options.ts";

/** One of them. It is made before the gateway, hears it through whichever of these it has, and goes after its publisher. */
export interface Companion extends AsyncDisposable {
  readonly name: string;
  readonly listener?: MessageListener;
  readonly observer?: RuntimeObserver;
  /** Topics of the broker that it wants to hear. */
  readonly subscriptions?: readonly Subscription[];
  /** Where it publishes, too: for the figures about publishing. */
  readonly publisher?: Pick<Publisher, "state" | "counts">;
  /** The gateway is composed, and about to run. */
  start?(gateway: WatchedGateway): void;
}

/** A gateway as those beside it see it. */
export interface WatchedGateway {
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  readonly metricsView: () => MetricsView;
  readonly metricsText: () => string;
}

/** What a companion may reach before the gateway is there; until then it reaches nothing. */
export interface CompanionWires {
  /** Takes commands that come another way than by the publisher. */
  readonly sink: CommandSink;
  cameras(): readonly CameraView[];
  /** Begins a problem that health shows, changes its text, or ends it with null. */
  setProblem(what: string, text: string | null): void;
  /** Has the broker keep `payload` under a topic of another tree than ours. */
  keep(topic: string, payload: string): void;
}

/** Opens those that `config` asks for; what is not asked for is not loaded. */
export async function openCompanions(
  config: Config,
  options: ComposeOptions,
  wires: CompanionWires,
): Promise<Companion[]> {
  const { monitor, history, homeAssistant, sparkplug } = config;
  const wanted = await Promise.all([
    monitor && import("./monitor.ts").then(({ openMonitor }) => openMonitor(config, monitor, options)),
    homeAssistant &&
    import("./home_assistant.ts").then(({ openAnnouncer }) => openAnnouncer(config, homeAssistant, wires, options)),
    history && import("./history.ts").then(({ openHistory }) => openHistory(config, history, wires, options)),
    sparkplug && import("./sparkplug.ts").then(({ openSparkplug }) => openSparkplug(config, sparkplug, wires, options)),
    import("./open_telemetry.ts").then(({ openExporter }) => openExporter()),
  ]);
  return wanted.filter((companion) => companion !== null);
}
