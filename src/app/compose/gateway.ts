/** A composed gateway: its parts, what they were made from, and the changes that it takes while it runs, one after the other. */

import type { Config } from "../../config/types.ts";
import type { MqttPublisher } from "../../publish/mqtt_publisher.ts";
import type { Publisher } from "../../ports/publisher.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { BackendFactory } from "./backends.ts";
import type { Equipment } from "./cameras.ts";
import type { Companion } from "./companions.ts";
import { infoMessage } from "./info.ts";
import type { ComposeOptions } from "./options.ts";
import type { Power } from "./power.ts";
import { type NextConfig, reload, type Reloaded } from "./reload.ts";
import { switchNetwork } from "./switch_network.ts";

/** What a gateway is made of. */
export interface GatewayParts {
  readonly config: Config;
  readonly options: ComposeOptions;
  readonly runtime: Runtime;
  /** With its listeners. */
  readonly publisher: Publisher;
  /** The publisher itself. */
  readonly mqtt: MqttPublisher;
  readonly metricsText: () => string;
  /** See `Gateway.whatHangs`. */
  readonly whatHangs: (limitMs: number) => string | null;
  readonly factory: BackendFactory;
  /** Null when power is off. */
  readonly power: Power | null;
  /** By camera id. */
  readonly equipment: Map<string, Equipment>;
  readonly companions: readonly Companion[];
}

/** A gateway as its changes see it. */
export interface GatewayState extends Omit<GatewayParts, "config"> {
  config: Config;
  configSha256: string;
  /** Says anew what this gateway runs. */
  publishInfo(): void;
  /** Subscribes to commands where the configuration wants them. */
  listenToCommands(): void;
}

/** A runtime that is ready to run. Disposing stops power and the publisher, then its companions, then what the cameras hold. */
export class Gateway implements AsyncDisposable {
  readonly #state: GatewayState;
  /** One change after the other: two at once could leave a back end that nobody disposes of. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(parts: GatewayParts) {
    const state: GatewayState = {
      ...parts,
      configSha256: parts.options.configSha256,
      publishInfo() {
        const { backend } = state.equipment.get(state.config.cameras[0].id)!;
        state.publisher.publish(infoMessage(state.config, backend, state.configSha256, state.power?.info));
      },
      listenToCommands() {
        if (state.config.commands !== null) state.mqtt.listenToCommands();
      },
    };
    this.#state = state;
  }

  get runtime(): Runtime {
    return this.#state.runtime;
  }

  get publisher(): Publisher {
    return this.#state.publisher;
  }

  /** All figures of this moment, as Prometheus reads them; see `METRICS_CONTENT_TYPE`. */
  get metricsText(): () => string {
    return this.#state.metricsText;
  }

  /** What has been at one piece of work for longer than that, in words; null when all advances, or rightly waits. */
  get whatHangs(): (limitMs: number) => string | null {
    return this.#state.whatHangs;
  }

  /** What it runs by now. */
  get config(): Config {
    return this.#state.config;
  }

  /** Gives a camera one of `commands.networks`; resolves with what it runs then. */
  switchNetwork(camera: string, name: string): Promise<{ readonly id: string; readonly sha256: string }> {
    return this.#change(() => switchNetwork(this.#state, camera, name));
  }

  /** Takes another configuration, or rejects and is as it was; see `reload.ts`. */
  reload(next: NextConfig): Promise<Reloaded> {
    return this.#change(() => reload(this.#state, next));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastChange;
    const { power, publisher, companions, equipment, factory } = this.#state;
    // Its last window goes out before the publisher stops.
    await power?.[Symbol.asyncDispose]();
    await publisher.stop();
    await Promise.all(companions.map((companion) => companion[Symbol.asyncDispose]()));
    await Promise.all([...equipment.values()].map((one) => one[Symbol.asyncDispose]()));
    await factory[Symbol.asyncDispose]();
  }

  /** Says anew what this gateway runs. */
  publishInfo(): void {
    this.#state.publishInfo();
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(change);
    this.#lastChange = done.catch(() => {});
    return done;
  }
}
