/**
 * Weights as the chip stores them: 8-bit mantissas of mixed sign, whose lowest bit is lost, and an exponent.
 *
 * A *grid weight* is a whole even number g; the synapse adds g · 64 to its target's current, and `weightUnit` is the grid
 * weight that counts as 1.0. A synapse holds g = mantissa · 2^exponent with an even mantissa of at most 254 and an exponent
 * from 0: only for those do all public descriptions of the chip agree what is added.
 */

/** How a real weight becomes a grid weight. */
export type Rounding = "nearest" | "authors";

/** Largest mantissa of a mixed-sign synapse. */
export const MANTISSA_MAX = 254;
/** Largest exponent. */
export const EXPONENT_MAX = 7;
/** Largest grid weight of one synapse: each is limited to ±(2^21 − 2^6) current. */
export const GRID_WEIGHT_MAX = MANTISSA_MAX * 2 ** EXPONENT_MAX;

/** A weight as one synapse stores it. */
export interface SynapseWeight {
  /** Even, −254 to 254. */
  readonly mantissa: number;
  /** 0 to 7. */
  readonly exponent: number;
}

/**
 * Nearest grid weight of `weight`, small ones to a multiple of 2, larger ones to what their exponent allows.
 *
 * `authors` is the rule of the published Loihi network: rounded up, then odd ones made even by −1.
 */
export function toGrid(weight: number, weightUnit: number, rounding: Rounding): number {
  if (rounding === "authors") {
    const up = Math.ceil(weight * weightUnit);
    const even = up - (Math.abs(up) % 2);
    if (Math.abs(even) <= MANTISSA_MAX) return even + 0;
  }
  const scaled = weight * weightUnit;
  for (let exponent = 0; exponent <= EXPONENT_MAX; exponent++) {
    const step = 2 ** (exponent + 1);
    const grid = step * Math.round(scaled / step);
    if (Math.abs(grid) <= MANTISSA_MAX * 2 ** exponent) return grid + 0;
  }
  return Math.sign(scaled) * Infinity;
}

/** The synapse of grid weight `grid`, with the smallest exponent; null when no synapse holds it exactly. */
export function toSynapse(grid: number): SynapseWeight | null {
  for (let exponent = 0; exponent <= EXPONENT_MAX; exponent++) {
    const mantissa = grid / 2 ** exponent;
    if (mantissa % 2 !== 0) return null;
    if (Math.abs(mantissa) <= MANTISSA_MAX) return { mantissa: mantissa + 0, exponent };
  }
  return null;
}

/**
 * Any even grid weight up to ±16,382 as a coarse and a fine synapse that act together: coarse · 2^6 + fine.
 * Either may be 0, and then is left out.
 */
export function splitPair(grid: number): SynapseWeight[] {
  const magnitude = Math.abs(grid);
  const sign = grid < 0 ? -1 : 1;
  const even = (value: number) => value - (value % 2);
  return [
    { mantissa: sign * even((magnitude >> 7) << 1), exponent: 6 },
    { mantissa: sign * even(magnitude & 127), exponent: 0 },
  ].filter(({ mantissa }) => mantissa !== 0);
}

/** Largest grid weight that `splitPair` can express. */
export const PAIR_MAX = MANTISSA_MAX * 64 + 126;

/** Current that a synapse adds. */
export function effectiveWeight({ mantissa, exponent }: SynapseWeight): number {
  return mantissa * 2 ** (6 + exponent);
}
