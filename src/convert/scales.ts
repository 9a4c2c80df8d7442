/** How each layer's values become levels: value = coded · scale − shift, coded 1.0 being `unit` levels. */

import type { Issue } from "../core/errors.ts";
import type { Distribution } from "./distribution.ts";
import { hasWeights, isPadded, readsExtras, type SourceGraph, type SourceLayer } from "./graph.ts";
import { keepGrid } from "./keep_grid.ts";
import { type Reading, readingsOf, visitWeights } from "./parts.ts";
import type { ShiftPlan } from "./shifts.ts";

/** A network's scales; one number a layer. */
export interface Scales {
  readonly scale: readonly number[];
  /** 0 for layers that are never negative. */
  readonly shift: readonly number[];
  /** What was done beyond the percentile, for the report. */
  readonly notes: readonly string[];
}

/** What the choice depends on. */
export interface ScaleOptions {
  readonly percentile: number;
  /** Levels in a coded 1.0. */
  readonly unit: number;
  /** Largest bias, coded. */
  readonly biasMax: number;
  /** What each layer's range is widened by; see `headroom.ts`. None by default. */
  readonly headroom?: readonly number[];
}

/** What scales are chosen from; see `Calibration`. */
export interface Measured {
  readonly distributions: readonly (Distribution | null)[];
  readonly bestScores: Distribution;
}

/**
 * Chooses scales from what was measured, all layers at once: a layer's percentile becomes the coded 1.0.
 *
 * A shifted layer codes from its low percentile to its high one. A layer whose bias would leave its range gets a larger
 * scale, one whose weights are on a grid the scale beside its own that keeps them there. Pushes layers that are always 0.
 */
export function chooseScales(
  graph: SourceGraph,
  plan: ShiftPlan,
  { distributions, bestScores }: Measured,
  options: ScaleOptions,
  issues: Issue[],
): Scales {
  const scale: number[] = [];
  const shift: number[] = [];
  const notes: string[] = [];
  graph.layers.forEach((layer, index) => {
    const values = distributions[index];
    const [input] = layer.inputs;
    if (values === null) {
      // Of the first part; only layers with weights read more than one, and they look at each.
      scale.push(input < 0 ? graph.input.scale[0] : scale[input]);
      shift.push(input < 0 ? 0 : shift[input]);
      return;
    }
    const inherited = layer.kind === "add" ? sum(layer.inputs.map((from) => (from < 0 ? 0 : shift[from]))) : null;
    const factor = options.headroom?.[index] ?? 1;
    const isScore = index === graph.layers.length - 1 && hasWeights(layer) && !layer.relu;
    const range = isScore ? scoreRange(values, bestScores, options.percentile, factor) : rangeOf(layer, values, {
      ...options,
      shifted: plan.shifted[index],
      inherited,
      factor,
    });
    if (!(range.scale > 0) || !Number.isFinite(range.scale)) {
      issues.push({
        where: `layer ${JSON.stringify(layer.name)} tensor ${JSON.stringify(layer.tensor)}`,
        expected: "values above 0 on some calibration image",
        found: `a maximum of ${values.max} over ${values.count} values`,
        hint: "The layer is dead, or the calibration images are not like those of training",
      });
      range.scale = 1;
    }
    if (range.note !== null) notes.push(`${layer.name}: ${range.note}`);
    if (factor > 1) notes.push(`${layer.name}: range widened by ${format(factor)}, as too many neurons spiked early`);
    if (hasWeights(layer) && range.shift === 0) {
      const readings = readingsOf(graph, plan.parts, layer);
      const inputScales = readings.flatMap(({ layer: from }) => (from < 0 ? graph.input.scale : [scale[from]]));
      const kept = keepGrid(layer.weights, inputScales, range.scale);
      if (kept !== range.scale) {
        notes.push(
          `${layer.name}: scale ${format(range.scale)} became ${format(kept)}, so that weights keep their grid`,
        );
      }
      range.scale = kept;
    }
    scale.push(range.scale);
    shift.push(range.shift);
    if (hasWeights(layer)) growForBias(graph, plan, { scale, shift, notes }, index, options);
  });
  return { scale, shift, notes };
}

/**
 * What must be taken off a layer's sums for the shifts of its input where no mask does it, `[out]`: Σ w · d.
 *
 * @param shift one a layer; the input's own offsets stand in the graph
 */
export function biasCorrection(
  graph: SourceGraph,
  plan: ShiftPlan,
  shift: readonly number[],
  layer: Extract<SourceLayer, { bias: Float64Array }>,
): Float64Array {
  const correction = new Float64Array(layer.bias.length);
  const readings = readingsOf(graph, plan.parts, layer);
  const left = readings.map((reading) => shiftsLeft(graph, plan, shift, layer, reading));
  if (left.every((shifts) => shifts.every((value) => value === 0))) return correction;
  visitWeights(layer, readings, (weight, output, reading, channel) => {
    correction[output] += layer.weights[weight] * left[reading][channel];
  });
  return correction;
}

/** Makes a layer's scale as large as its biases need, in place. */
export function growForBias(
  graph: SourceGraph,
  plan: ShiftPlan,
  scales: { scale: number[]; shift: number[]; notes: string[] },
  index: number,
  { biasMax }: ScaleOptions,
): void {
  const layer = graph.layers[index];
  if (!hasWeights(layer)) return;
  const correction = biasCorrection(graph, plan, scales.shift, layer);
  const before = scales.scale[index];
  // The shift of scores is a value of its own; that of other layers is a number of levels and grows with the scale.
  const fixed = index === graph.layers.length - 1 ? scales.shift[index] : 0;
  const levels = fixed === 0 ? scales.shift[index] / before : 0;
  let worst = 0;
  for (let i = 0; i < correction.length; i++) {
    // (b − c + fixed) / S + levels must stay in range on both sides.
    const value = layer.bias[i] - correction[i] + fixed;
    worst = Math.max(worst, value > 0 ? value / (biasMax - levels) : -value / (biasMax + levels));
  }
  if (worst <= before) return;
  // A hair more, so that rounding to 32-bit floats stays inside.
  const scale = worst * (1 + 1e-6);
  scales.scale[index] = scale;
  scales.shift[index] = fixed === 0 ? levels * scale : fixed;
  scales.notes.push(`${layer.name}: scale ${format(before)} became ${format(scale)}, as a bias needs it`);
}

// ---------------------------------------------------------------------------------------------------------------------

interface Range {
  scale: number;
  shift: number;
  note: string | null;
}

/**
 * Scores may be negative, but no lower than the coded −1. Where the best score of an image can be below 0, all of them are
 * raised by the same amount, which changes neither their order nor a softmax.
 */
function scoreRange(values: Distribution, bestScores: Distribution, percentile: number, factor: number): Range {
  const high = values.percentile(percentile);
  const shift = Math.max(0, -bestScores.percentile(100 - percentile));
  if (high + shift > 0) {
    const note = shift > 0 ? `all scores are raised by ${format(shift)}, as the best may be negative` : null;
    return { scale: (high + shift) * factor, shift, note };
  }
  return { scale: Math.max(values.max, -values.min) * factor, shift, note: null };
}

/** Shift of each channel of a part that no mask takes off. */
function shiftsLeft(
  graph: SourceGraph,
  plan: ShiftPlan,
  shift: readonly number[],
  layer: SourceLayer,
  { layer: from, channels }: Reading,
): number[] {
  if (from >= 0) return Array<number>(channels).fill(plan.masks[from] > 0 && readsExtras(layer) ? 0 : shift[from]);
  return graph.input.offset.map((offset) => (isPadded(layer) ? 0 : -offset));
}

function rangeOf(
  layer: SourceLayer,
  values: Distribution,
  options: ScaleOptions & { shifted: boolean; inherited: number | null; factor: number },
): Range {
  const { percentile, unit, shifted, inherited, factor } = options;
  const high = values.percentile(percentile) * factor;
  if (!shifted) {
    if (layer.clip !== null && layer.clip < high) return { scale: layer.clip, shift: 0, note: null };
    if (high > 0) return { scale: high, shift: 0, note: null };
    // Sparse layers can be 0 at the percentile and still matter.
    return {
      scale: values.max * factor,
      shift: 0,
      note: `percentile ${percentile} is not above 0, so the maximum is used`,
    };
  }
  const low = Math.max(0, -values.percentile(100 - percentile)) * factor;
  if (inherited !== null) {
    // An addition cannot change the shift, only the scale: its shift is a whole number of levels when it can be.
    const scale = Math.max(high + inherited, 1e-30);
    const levels = Math.floor(unit * inherited / scale);
    return { scale: levels === 0 ? scale : inherited * unit / levels, shift: inherited, note: null };
  }
  if (low === 0) return { scale: high, shift: 0, note: null };
  const levels = Math.min(unit - 1, Math.max(1, Math.ceil(unit * low / (low + Math.max(0, high)))));
  const scale = Math.max(Math.max(0, high) * unit / (unit - levels), low * unit / levels);
  return { scale, shift: scale * levels / unit, note: null };
}

function sum(list: readonly number[]): number {
  return list.reduce((total, value) => total + value, 0);
}

function format(value: number): string {
  return value.toPrecision(4);
}
