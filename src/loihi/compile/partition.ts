/**
 * Places the populations of a circuit on cores so that no core exceeds a limit. Deterministic: the same circuit and board give
 * the same cores.
 *
 * Populations are placed after everything that they send spikes to, so what their output axons cost is known. Each is cut into
 * the fewest equal parts of which every one fits an empty core; a part goes to the first core with room for it.
 */

import { BackendError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Board, CoreLimits } from "../board.ts";
import { type AxonSet, buildAxons, ROUTE_ENTRIES, type Span } from "./axons.ts";
import { type Circuit, neuronOf } from "./circuit.ts";

/** A part of a population on a core, and the axons that lead into it. */
export interface Part extends Span {
  readonly population: number;
  readonly inputs: readonly { readonly projection: number; readonly set: AxonSet }[];
}

/** What a core uses; the names are those of its limits. */
export type CoreUse = Record<
  | "compartments"
  | "inputAxons"
  | "outputAxons"
  | "synapseWords"
  | "compartmentProfiles"
  | "thresholdProfiles"
  | "synapseFormats"
  | "delayMax",
  number
>;

/** A core and what lies on it. */
export interface PlacedCore {
  readonly parts: readonly Part[];
  readonly use: CoreUse;
}

/**
 * Places `circuit` on the cores of `board`.
 *
 * @throws {BackendError} `loihi.fit`; its message and facts name layer, limit, needed and available
 */
export function partition(circuit: Circuit, board: Board): PlacedCore[] {
  const single = place(circuit, board, false);
  // With a second chip in use any route may leave its chip; counting each as if it did keeps every layout legal.
  const cores = single.length <= board.coresPerChip ? single : place(circuit, board, true);
  const available = board.chips * board.coresPerChip;
  if (cores.length > available) {
    const largest = circuit.populations.reduce((a, b) => (sizeOf(b.shape) > sizeOf(a.shape) ? b : a));
    throw fitError(board, { layer: largest.name, limit: "cores", needed: cores.length, available });
  }
  return cores;
}

// ---------------------------------------------------------------------------------------------------------------------

interface Excess {
  readonly limit: string;
  readonly needed: number;
  readonly available: number;
}

interface OpenCore {
  readonly parts: Part[];
  readonly profiles: Set<string>;
  readonly thresholds: Set<number>;
  readonly formats: Set<number>;
  use: CoreUse;
}

interface Need {
  readonly part: Part;
  readonly profiles: ReadonlySet<string>;
  readonly thresholds: ReadonlySet<number>;
  readonly formats: ReadonlySet<number>;
  /** Profiles, thresholds and formats as a core of its own would count them. */
  readonly use: CoreUse;
}

function place(circuit: Circuit, board: Board, offChip: boolean): PlacedCore[] {
  const cores: OpenCore[] = [];
  /** Output entries of each neuron so far, by population. */
  const entries = circuit.populations.map(({ shape }) => new Int32Array(sizeOf(shape)));
  for (const population of placingOrder(circuit)) {
    const parts = cut(circuit, board, { population, entries: entries[population] });
    for (const { span, need } of parts) settle(circuit, board, { cores, span, need, entries, population, offChip });
  }
  // Placed from the output to the input: turned round, the first core is the first layer's.
  return cores.reverse().map(({ parts, use }) => ({ parts, use }));
}

/** Populations, each after all that it projects to. */
function placingOrder(circuit: Circuit): number[] {
  const targets = circuit.populations.map(() => new Set<number>());
  for (const { source, target } of circuit.projections) {
    if (source >= 0 && source !== target) targets[source].add(target);
  }
  const order: number[] = [];
  const done = new Set<number>();
  const visit = (population: number) => {
    if (done.has(population)) return;
    done.add(population);
    for (const target of [...targets[population]].sort((a, b) => b - a)) visit(target);
    order.push(population);
  };
  for (let population = circuit.populations.length - 1; population >= 0; population--) visit(population);
  return order;
}

interface Cutting {
  readonly population: number;
  /** Output entries that each of its neurons needs to reach what is placed already. */
  readonly entries: Int32Array;
}

/** The fewest equal parts that each fit an empty core. */
function cut(circuit: Circuit, board: Board, cutting: Cutting): { span: Span; need: Need }[] {
  const { name, shape, layer } = circuit.populations[cutting.population];
  const [channels, height, width] = shape;
  const area = height * width;
  const size = sizeOf(shape);
  let parts = Math.ceil(size / board.limits.compartments);
  for (;;) {
    // Whole positions stay together where there are enough of them.
    const grain = parts <= area ? channels : 1;
    const step = grain * Math.ceil(size / grain / parts);
    const needs: { span: Span; need: Need }[] = [];
    let excess: Excess | null = null;
    for (let from = 0; from < size && excess === null; from += step) {
      const span = { from, count: Math.min(step, size - from), base: 0, channels, area };
      const need = needOf(circuit, board.limits, cutting, span);
      excess = firstExcess(need.use, board.limits);
      needs.push({ span, need });
    }
    if (excess === null) return needs;
    // Control neurons project to one another, so they stay together; a single neuron cannot be cut.
    if (parts >= size || layer < 0 && circuit.populations[cutting.population].kind === "instant") {
      throw fitError(board, { layer: name, ...excess });
    }
    parts = Math.min(
      size,
      Math.max(parts + 1, Math.ceil(parts * Math.min(2, 0.9 * excess.needed / excess.available))),
    );
  }
}

function needOf(circuit: Circuit, limits: CoreLimits, cutting: Cutting, span: Span): Need {
  const { population, entries } = cutting;
  const { kind, refractorySteps, thresholds } = circuit.populations[population];
  const inputs: { projection: number; set: AxonSet }[] = [];
  const formats = new Set<number>();
  const use: CoreUse = {
    compartments: span.count,
    inputAxons: 0,
    outputAxons: 0,
    synapseWords: 0,
    compartmentProfiles: 0,
    thresholdProfiles: 0,
    synapseFormats: 0,
    delayMax: 0,
  };
  circuit.projections.forEach((projection, index) => {
    if (projection.target !== population) return;
    const set = buildAxons(projection, span, limits);
    if (set.axons.length === 0) return;
    inputs.push({ projection: index, set });
    use.inputAxons += set.axons.length;
    use.synapseWords += set.words;
    use.delayMax = Math.max(use.delayMax, set.delayMax);
    for (const format of set.formats) formats.add(format);
    // Synapses onto the population itself leave this very part.
    if (projection.source === population) use.outputAxons += set.routes.length;
  });
  const levels = new Set<number>();
  for (let order = span.from; order < span.from + span.count; order++) {
    const neuron = neuronOf(order, span.channels, span.area);
    levels.add(thresholds[neuron]);
    use.outputAxons += entries[neuron];
  }
  use.compartmentProfiles = 1;
  use.thresholdProfiles = levels.size;
  use.synapseFormats = formats.size;
  const part = { ...span, population, inputs };
  return { part, profiles: new Set([`${kind} ${refractorySteps}`]), thresholds: levels, formats, use };
}

interface Settling {
  readonly cores: OpenCore[];
  readonly span: Span;
  /** As on an empty core. */
  readonly need: Need;
  readonly population: number;
  /** Of every population. */
  readonly entries: readonly Int32Array[];
  readonly offChip: boolean;
}

/** Puts a part on the first core with room, or on a new one. */
function settle(circuit: Circuit, board: Board, settling: Settling): void {
  const { cores, span, population, entries } = settling;
  for (const core of cores) {
    // The bases of axons move with the place on the core, so the cost there is taken anew; a rough check comes first.
    if (firstExcess(joined(core, settling.need), board.limits) !== null) continue;
    const moved = { ...span, base: core.use.compartments };
    const need = needOf(circuit, board.limits, { population, entries: entries[population] }, moved);
    const use = joined(core, need);
    if (firstExcess(use, board.limits) === null) return enter(circuit, core, need, use, settling);
  }
  const { use } = settling.need;
  const core: OpenCore = { parts: [], profiles: new Set(), thresholds: new Set(), formats: new Set(), use };
  cores.push(core);
  enter(circuit, core, settling.need, use, settling);
}

function enter(circuit: Circuit, core: OpenCore, need: Need, use: CoreUse, { entries, offChip }: Settling): void {
  core.parts.push(need.part);
  for (const key of need.profiles) core.profiles.add(key);
  for (const threshold of need.thresholds) core.thresholds.add(threshold);
  for (const format of need.formats) core.formats.add(format);
  core.use = use;
  for (const { projection, set } of need.part.inputs) {
    const { source, target } = circuit.projections[projection];
    if (source < 0 || source === target) continue;
    for (const route of set.routes) {
      entries[source][route.source] += ROUTE_ENTRIES[set.axons[route.axon].kind] + (offChip ? 1 : 0);
    }
  }
}

function joined(core: OpenCore, need: Need): CoreUse {
  return {
    compartments: core.use.compartments + need.use.compartments,
    inputAxons: core.use.inputAxons + need.use.inputAxons,
    outputAxons: core.use.outputAxons + need.use.outputAxons,
    synapseWords: core.use.synapseWords + need.use.synapseWords,
    compartmentProfiles: union(core.profiles, need.profiles),
    thresholdProfiles: union(core.thresholds, need.thresholds),
    synapseFormats: union(core.formats, need.formats),
    delayMax: Math.max(core.use.delayMax, need.use.delayMax),
  };
}

function union<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  let size = a.size;
  for (const item of b) if (!a.has(item)) size++;
  return size;
}

function firstExcess(use: CoreUse, limits: CoreLimits): Excess | null {
  let limit: keyof CoreUse;
  for (limit in use) if (use[limit] > limits[limit]) return { limit, needed: use[limit], available: limits[limit] };
  return null;
}

function fitError(
  board: Board,
  facts: Excess & { readonly layer: string },
): BackendError {
  const { layer, limit, needed, available } = facts;
  const what = limit === "cores" ? `on ${board.name}` : `on a core of ${board.name}`;
  return new BackendError(
    "loihi.fit",
    `Cannot place layer ${JSON.stringify(layer)} ${what} as ${limit} must be at most ${available}: found ${needed}`,
    { hint: "Use a board with more room, or a smaller network", facts: { ...facts } },
  );
}
