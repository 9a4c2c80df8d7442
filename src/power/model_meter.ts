/** The energy model as a meter: what the neuro-cores of a Loihi board would spend on the frames. Always `estimated`. */

import type { Network } from "../core/network.ts";
import type { PowerChannel, PowerMeter } from "../ports/power_meter.ts";
import { estimateFrameEnergyUj, LOIHI_ENERGY_MODEL } from "../telemetry/energy_model.ts";

/** A camera as far as the model looks at it. */
export interface ModelledCamera {
  readonly id: string;
  readonly network: Network;
  readonly counts: { readonly classified: number };
}

const CHANNEL: PowerChannel = {
  id: "snn_model",
  kind: "model",
  scope: "inference",
  method: "estimated",
  detail: "neuro-cores of a Loihi board, dynamic energy only, if one ran these frames; not what this machine draws",
  coversGateway: false,
  counter: { rangeJ: null, unmoved: "idle" },
  model: LOIHI_ENERGY_MODEL,
};

/** A meter over the frames that `cameras` have classified. */
export function createModelMeter(cameras: () => readonly ModelledCamera[]): PowerMeter {
  const counted = new Map<string, number>();
  const energiesUj = new WeakMap<Network, number>();
  let totalUj = 0;
  let isClosed = false;

  const frameEnergyUj = (network: Network) => {
    const known = energiesUj.get(network) ?? estimateFrameEnergyUj(network);
    energiesUj.set(network, known);
    return known;
  };

  return {
    name: "energy model",
    everyMs: 0,
    channels: [CHANNEL],
    read() {
      if (isClosed) return Promise.resolve([{ fault: "the meter is closed" }]);
      for (const { id, network, counts: { classified } } of cameras()) {
        // A camera that was taken out and put in again counts from 0.
        const before = Math.min(classified, counted.get(id) ?? 0);
        totalUj += (classified - before) * frameEnergyUj(network);
        counted.set(id, classified);
      }
      return Promise.resolve([{ counterJ: totalUj / 1e6 }]);
    },
    [Symbol.asyncDispose]() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}
