/**
 * One compartment of a Loihi 1 core for one time step, in integers exactly as the chip keeps them.
 *
 * ```
 * u = wrap24(decay(u, currentDecay) + wrap22(q))        q = Σ mantissa · 2^(6 + exponent) that arrives in this step
 * v = clip(decay(v, voltageDecay) + u + bias, vMin, vMax)
 * if it is refractory: v = 0
 * spike when v > threshold (strict); then v = 0 and the refractory count starts
 * decay(x, d) = sign(x) · ((|x| · (4096 − d)) >> 12)    d = register + the core's offset bit, 0 to 4096
 * ```
 * u is not touched by a spike. u and q wrap as two's complement, v saturates; each is counted. Sources: Davies et al. 2018 and
 * the emulators of nengo-loihi, Lava and Brian2Loihi, which agree on it.
 */

/** What a compartment is configured to. */
export interface CompartmentParameters {
  /** Effective decay of u, 0 (held) to 4096 (cleared each step). */
  readonly currentDecay: number;
  /** Effective decay of v, 0 to 4096. */
  readonly voltageDecay: number;
  /** v must exceed it. Mantissa · 64. */
  readonly threshold: number;
  /** Added to v each step. Mantissa · 2^exponent. */
  readonly bias: number;
  /** R: v is held at 0 for R − 1 steps after a spike. 1 to 64. */
  readonly refractorySteps: number;
  readonly vMin: number;
  readonly vMax: number;
}

/** A compartment's registers. */
export interface CompartmentState {
  u: number;
  v: number;
  /** Steps for which v is still held at 0. */
  refractory: number;
}

/** What one step met, for counters. */
export interface StepEvents {
  spike: boolean;
  qWrapped: boolean;
  uWrapped: boolean;
  vClipped: boolean;
}

/** Largest magnitude of v: the registers at full range. */
export const V_MAX = 2 ** 23 - 1;

/** Advances `state` by one step in which `q` arrives; what happened goes into `events`. */
export function stepCompartment(
  parameters: CompartmentParameters,
  state: CompartmentState,
  q: number,
  events: StepEvents,
): void {
  const input = wrapQ(q);
  const current = decay(state.u, parameters.currentDecay) + input;
  state.u = wrapU(current);
  const potential = decay(state.v, parameters.voltageDecay) + state.u + parameters.bias;
  state.v = Math.min(parameters.vMax, Math.max(parameters.vMin, potential));
  events.qWrapped = input !== q;
  events.uWrapped = state.u !== current;
  events.vClipped = state.v !== potential;
  if (state.refractory > 0) state.v = 0;
  events.spike = state.v > parameters.threshold;
  if (events.spike) {
    state.v = 0;
    state.refractory = parameters.refractorySteps;
  }
  state.refractory = Math.max(0, state.refractory - 1);
}

/** `x` after one step of decay `d`, 0 to 4096; rounds toward zero. The product needs 36 bits, so no integer shifts here. */
export function decay(x: number, d: number): number {
  const magnitude = Math.floor(Math.abs(x) * (4096 - d) / 4096);
  return x < 0 ? 0 - magnitude : magnitude;
}

/** The sum of a step's synapses as its register holds it: sign and 21 bits. */
export function wrapQ(q: number): number {
  return (q << 10) >> 10;
}

/** The current as its register holds it: sign and 23 bits. */
export function wrapU(u: number): number {
  return (u << 8) >> 8;
}
