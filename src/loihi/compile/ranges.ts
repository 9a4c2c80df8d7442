/**
 * Whether the registers can hold what a network may do, by the worst input that there could be. Sound and pessimistic: real
 * frames stay far below, which `countRanges` shows for frames that are like those to come.
 */

import type { Chip } from "../chip/chip.ts";
import type { Circuit } from "./circuit.ts";

/** A register's worst case in one layer. */
export interface RegisterRange {
  /** Largest magnitude that inputs could bring about. */
  readonly worst: number;
  /** Largest that the register holds. */
  readonly limit: number;
}

/** Registers of one layer's neurons. */
export interface LayerRange {
  readonly name: string;
  /** Sum of the synapses of one step, should all inputs arrive together; beyond the limit it wraps: the answer is lost. */
  readonly q: RegisterRange;
  /** Current; wraps too. */
  readonly u: RegisterRange;
  /** Potential below 0; beyond the limit it is clipped, and later positive input counts for too much. */
  readonly v: RegisterRange;
}

/** What calibration frames did to the registers, over all frames. */
export interface FrameRanges {
  readonly frames: number;
  readonly qOverflows: number;
  readonly uOverflows: number;
  /** Neurons clipped before their spike. Most of them code 0 either way. */
  readonly vClips: number;
  /** Neurons that fired after their layer's last step. */
  readonly lateNeurons: number;
  readonly silentNeurons: number;
  readonly repeatedNeurons: number;
}

const Q_LIMIT = 2 ** 21 - 1;
const U_LIMIT = 2 ** 23 - 1;

/** Worst cases of every layer with a window, from its synapses. */
export function worstRanges(circuit: Circuit, tMax: number): LayerRange[] {
  const ranges: LayerRange[] = [];
  // Neurons are taken in the order of the projections; only the largest of each sum counts.
  circuit.populations.forEach((population, index) => {
    if (population.layer < 0 || population.kind !== "integrate") return;
    const size = population.thresholds.length;
    const sums = { positive: new Float64Array(size), negative: new Float64Array(size) };
    const control = { positive: new Float64Array(size), negative: new Float64Array(size) };
    let silencing = 0;
    let pulse = 0;
    for (const projection of circuit.projections) {
      if (projection.target !== index) continue;
      const { role, start, mantissas, exponents } = projection;
      const into = role === "data" || role === "bias" ? sums : control;
      for (let neuron = 0; neuron < size; neuron++) {
        let own = 0;
        for (let i = start[neuron]; i < start[neuron + 1]; i++) {
          const weight = mantissas[i] * 2 ** (6 + exponents[i]);
          if (role === "self") own -= weight;
          else if (role === "rectifier") pulse = Math.max(pulse, weight);
          else if (weight > 0) into.positive[neuron] += weight;
          else into.negative[neuron] -= weight;
        }
        silencing = Math.max(silencing, own);
      }
    }
    let [q, u, v] = [pulse, 0, 0];
    for (let i = 0; i < size; i++) {
      const up = sums.positive[i] + control.positive[i];
      const down = sums.negative[i] + control.negative[i] + silencing;
      q = Math.max(q, up, down);
      u = Math.max(u, up + pulse, down);
      v = Math.max(v, tMax * sums.negative[i]);
    }
    const vLimit = 2 ** circuit.vMinExponent - 1;
    ranges.push({
      name: population.name,
      q: { worst: q, limit: Q_LIMIT },
      u: { worst: u, limit: U_LIMIT },
      v: { worst: v, limit: vLimit },
    });
  });
  return ranges;
}

/** Runs calibration frames, `[frames][pixels]` levels each, and counts what left its range. */
export function countRanges(chip: Chip, frames: Iterable<Int16Array>): FrameRanges {
  const total = {
    frames: 0,
    qOverflows: 0,
    uOverflows: 0,
    vClips: 0,
    lateNeurons: 0,
    silentNeurons: 0,
    repeatedNeurons: 0,
  };
  for (const levels of frames) {
    chip.run(levels);
    total.frames++;
    total.qOverflows += chip.counters.qOverflows;
    total.uOverflows += chip.counters.uOverflows;
    total.vClips += chip.counters.vClips;
    total.lateNeurons += chip.counters.lateNeurons;
    total.silentNeurons += chip.counters.silentNeurons;
    total.repeatedNeurons += chip.counters.repeatedNeurons;
  }
  return total;
}
