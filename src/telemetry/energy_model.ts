/**
 * What a frame would cost the neuro-cores of a Loihi board, from counters: always `estimated`, scope `loihi_core_dynamic`.
 *
 *   energy = neurons · steps · 81 pJ + synaptic operations · 23.6 pJ
 *
 * Coefficients: Davies et al. 2018, table 2 (0.75 V). Against the five measured points of the authors' MNIST network
 * (t_max 8 to 128) this model errs by −16 to +8 %. Not in it: static power, the embedded processors, the host.
 */

import { coreDynamicUj } from "../core/core_energy.ts";
import { hasNeurons, inputShapeOf, isSpiking, type Network } from "../core/network.ts";
import { layerDepths, synapseCount } from "../core/geometry.ts";
import type { EnergyModel } from "../core/messages.ts";
import { sizeOf } from "../core/shape.ts";

/** Coefficients as published in `info`. */
export const LOIHI_ENERGY_MODEL: EnergyModel = {
  source: "Davies et al. 2018, table 2: neuron update 81 pJ, synaptic operation 23.6 pJ",
  coefficients: { per_neuron_update_pj: 81, per_synop_pj: 23.6 },
};
/** What the estimate covers. */
export const LOIHI_ENERGY_SCOPE = "loihi_core_dynamic";

/** Control synapses of an integrating neuron: self-inhibition, counter-weight pair, rectifier, bias. */
const CONTROL_SYNAPSES = 5;

/**
 * Energy of one frame, µJ.
 *
 * Every neuron spikes once whatever the frame shows, so the figure belongs to the network and not to the frame.
 */
export function estimateFrameEnergyUj(network: Network): number {
  let neurons = 0;
  let synops = 0;
  for (const layer of network.layers) {
    if (!hasNeurons(layer)) continue;
    const size = sizeOf(layer.shape);
    neurons += size;
    synops += synapseCount(layer, inputShapeOf(network, layer)) + size * (isSpiking(layer) ? CONTROL_SYNAPSES : 1);
  }
  const { per_neuron_update_pj: perUpdatePj, per_synop_pj: perSynopPj } = LOIHI_ENERGY_MODEL.coefficients;
  return coreDynamicUj(
    { neuronUpdatePj: perUpdatePj, synopPj: perSynopPj },
    { neuronUpdates: neurons * boardSteps(network), synops },
  );
}

/** Time steps that a board takes for a frame: (windows + 1) · (t_max + 2) + 1, the last layer's window complete. */
export function boardSteps(network: Network): number {
  const windows = layerDepths(network.layers)[network.layers.length - 1] + 1;
  return windows * (network.tMax + 2) + 1;
}
