/** Dynamic energy of neuro-cores from counts: the one formula behind every estimate, whether a board or a simulator counted. */

/** Energy of the two operations that matter. */
export interface OperationEnergy {
  readonly neuronUpdatePj: number;
  readonly synopPj: number;
}

/**
 * µJ of one frame: neuron updates and synaptic operations, each times its energy.
 *
 * @param work `neuronUpdates`: neurons · time steps; `synops`: synapses that acted
 */
export function coreDynamicUj(
  energy: OperationEnergy,
  work: { readonly neuronUpdates: number; readonly synops: number },
): number {
  return (work.neuronUpdates * energy.neuronUpdatePj + work.synops * energy.synopPj) / 1e6;
}
