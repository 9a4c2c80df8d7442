/** Neurons that fire in the step of their first input: pools by maximum and links of a bias chain. */

/** Grid weight of each of their synapses. */
export const INSTANT_WEIGHT = 30;
/** Their threshold mantissa: one input exceeds it. */
export const INSTANT_THRESHOLD = 29;
/** Effective decay of their current. Not 4096: that needs the core's offset bit, which would make integrating neurons leak. */
export const INSTANT_DECAY = 4095;
