/** What a gateway says it runs. */

import type { Config } from "../../config/types.ts";
import type { InfoMessage, PowerInfo } from "../../core/messages.ts";
import type { Backend } from "../../ports/backend.ts";
import { LOIHI_ENERGY_MODEL } from "../../telemetry/energy_model.ts";
import { runtimeInfo, VERSION } from "../version.ts";

/** With several networks, the first camera's stands for the gateway. */
export function infoMessage(
  config: Config,
  { network, name }: Backend,
  configSha256: string,
  power?: PowerInfo,
): InfoMessage {
  return {
    kind: "info",
    version: VERSION,
    model: {
      id: network.name,
      sha256: network.digest,
      tMax: network.tMax,
      convention: network.convention,
      labels: network.labels,
      input: { shape: network.input.shape, color: network.input.color },
    },
    backend: name,
    configSha256,
    runtime: runtimeInfo(),
    cameras: config.cameras.map(({ id, source }) => ({ camera: id, source: source.kind })),
    energyModel: LOIHI_ENERGY_MODEL,
    ...(power === undefined ? {} : { power }),
  };
}
