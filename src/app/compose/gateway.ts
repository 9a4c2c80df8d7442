/** A composed gateway: its parts, what they were made from, and the changes that it takes while it runs, one after the other. */

import type { CameraConfig, Config } from "../../config/types.ts";
import { EdgeError } from "../../core/errors.ts";
import { openNetwork } from "../../model/load.ts";
import type { Publisher } from "../../ports/publisher.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { BackendFactory } from "./backends.ts";
import { cameraPart, equip, type Equipment } from "./cameras.ts";
import { infoMessage } from "./info.ts";
import type { ComposeOptions } from "./options.ts";
import type { Power } from "./power.ts";

/** What a gateway is made of. */
export interface GatewayParts {
  readonly config: Config;
  readonly options: ComposeOptions;
  readonly runtime: Runtime;
  /** With its listeners. */
  readonly publisher: Publisher;
  readonly metricsText: () => string;
  /** See `Gateway.whatHangs`. */
  readonly whatHangs: (limitMs: number) => string | null;
  readonly factory: BackendFactory;
  /** Null when power is off. */
  readonly power: Power | null;
  /** By camera id. */
  readonly equipment: Map<string, Equipment>;
  /** What hears the runtime from beside it, such as the history and the page. */
  readonly companions: readonly AsyncDisposable[];
}

/** A runtime that is ready to run. Disposing stops power and the publisher, then its companions, then what the cameras hold. */
export class Gateway implements AsyncDisposable {
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  /** All figures of this moment, as Prometheus reads them; see `METRICS_CONTENT_TYPE`. */
  readonly metricsText: () => string;
  /** What has been at one piece of work for longer than that, in words; null when all advances, or rightly waits. */
  readonly whatHangs: (limitMs: number) => string | null;
  readonly #options: ComposeOptions;
  readonly #equipment: Map<string, Equipment>;
  readonly #factory: BackendFactory;
  readonly #companions: readonly AsyncDisposable[];
  readonly #power: Power | null;
  readonly #config: Config;
  readonly #configSha256: string;
  /** One change after the other: two at once could leave a back end that nobody disposes of. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(
    { config, options, runtime, publisher, metricsText, whatHangs, factory, equipment, companions, power }:
      GatewayParts,
  ) {
    this.runtime = runtime;
    this.publisher = publisher;
    this.metricsText = metricsText;
    this.whatHangs = whatHangs;
    this.#options = options;
    this.#equipment = equipment;
    this.#factory = factory;
    this.#companions = companions;
    this.#power = power;
    this.#config = config;
    this.#configSha256 = options.configSha256;
  }

  get config(): Config {
    return this.#config;
  }

  /** Gives a camera one of `commands.networks`; resolves with what it runs then. */
  switchNetwork(camera: string, name: string): Promise<{ readonly id: string; readonly sha256: string }> {
    return this.#change(() => this.#switchNetwork(camera, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastChange;
    // Its last window goes out before the publisher stops.
    await this.#power?.[Symbol.asyncDispose]();
    await this.publisher.stop();
    await Promise.all(this.#companions.map((companion) => companion[Symbol.asyncDispose]()));
    await Promise.all([...this.#equipment.values()].map((one) => one[Symbol.asyncDispose]()));
    await this.#factory[Symbol.asyncDispose]();
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(change);
    this.#lastChange = done.catch(() => {});
    return done;
  }

  /** Says anew what this gateway runs. */
  publishInfo(): void {
    const [first] = this.#config.cameras;
    const { backend } = this.#equipment.get(first.id)!;
    this.publisher.publish(infoMessage(this.#config, backend, this.#configSha256, this.#power?.info));
  }

  async #switchNetwork(id: string, name: string): Promise<{ id: string; sha256: string }> {
    const networks = this.#config.commands?.networks ?? [];
    const listed = networks.find((network) => network.name === name);
    if (listed === undefined) {
      const names = networks.map((network) => network.name).join(", ") || "none";
      throw new EdgeError("command.network", `No network "${name}" in commands.networks: there are ${names}`);
    }
    const network = await openNetwork(listed.path);
    const old = this.#equipment.get(id)!;
    // The source network belongs to the network that was converted from it, and not to another.
    const camera: CameraConfig = { ...old.camera, shadow: null };
    const equipment = await equip(camera, network, this.#factory);
    try {
      await this.runtime.replace(id, cameraPart(equipment, this.#config, this.#options));
    } catch (error) {
      await equipment[Symbol.asyncDispose]();
      throw error;
    }
    this.#equipment.set(id, equipment);
    await old[Symbol.asyncDispose]();
    this.publishInfo();
    const before = old.backend.network;
    const text = `Camera "${id}" went from network "${before.name}" to "${network.name}"`;
    const facts = { from_sha256: before.digest, to_sha256: network.digest };
    this.publisher.publish({ kind: "event", event: "network_switched", camera: id, text, facts });
    return { id: network.name, sha256: network.digest };
  }
}
