/**
 * The axons by which one projection reaches one part of a population on one core, in the cheaper of two forms.
 *
 * * *discrete*: each source neuron has an axon and a list of its own;
 * * *population*: the source neurons of one position share an axon; the spike carries its channel as an atom, which picks the
 *   list, and the axon's base shifts the targets. Positions that see the same pattern share their lists, so a convolution's
 *   weights stand in a core once for each pattern (inside, each border) and not once for each position.
 */

import { sizeOf } from "../../core/shape.ts";
import type { CoreLimits } from "../board.ts";
import type { Projection } from "./circuit.ts";
import { costOf, type SynapseList } from "./synapse_words.ts";

/** Neurons of one population, one after the other in position-major order, on one core. */
export interface Span {
  /** First in order and how many; see `orderOf` in circuit.ts. */
  readonly from: number;
  readonly count: number;
  /** Compartment of the first on its core. */
  readonly base: number;
  /** Channels and positions of the population. */
  readonly channels: number;
  readonly area: number;
}

/** One input axon; `lists` has one entry (discrete) or one an atom. */
export interface Axon {
  readonly kind: "discrete" | "population";
  /** Added to the targets of its lists, 0 to 255. */
  readonly base: number;
  /** Index into `AxonSet.lists` of atom 0. */
  readonly firstList: number;
  readonly atoms: number;
}

/** Where a source neuron's spike must be sent. */
export interface Route {
  readonly source: number;
  /** Index into `AxonSet.axons`. */
  readonly axon: number;
  readonly atom: number;
}

/** All axons of one projection into one part. */
export interface AxonSet {
  readonly axons: readonly Axon[];
  readonly lists: readonly SynapseList[];
  readonly routes: readonly Route[];
  readonly words: number;
  readonly formats: ReadonlySet<number>;
  readonly delayMax: number;
}

/** Largest shift of targets by an axon. */
const BASE_MAX = 255;
/** Most atoms of a population axon: 10 bits. */
const ATOMS_MAX = 1024;
/** Entries in a source's output table. */
export const ROUTE_ENTRIES = { discrete: 1, population: 2 } as const;

/** Chooses the cheaper form by the scarcer of memory and input axons; discrete when they are equal. */
export function buildAxons(projection: Projection, span: Span, limits: CoreLimits): AxonSet {
  const lists = listsBySource(projection, span);
  const discrete = discreteAxons(lists, limits);
  if (projection.role !== "data") return discrete;
  const population = populationAxons(projection, lists, limits);
  if (population === null) return discrete;
  const share = (set: AxonSet) => Math.max(set.words / limits.synapseWords, set.axons.length / limits.inputAxons);
  return share(population) < share(discrete) ? population : discrete;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Compartments and weights that each source reaches in the span; null for those that reach none. */
function listsBySource(projection: Projection, span: Span): (SynapseList | null)[] {
  const { start, sources, mantissas, exponents, delays } = projection;
  const first = start[span.from];
  const last = start[span.from + span.count];
  // A counting sort by source that keeps the order of the targets.
  const ends = new Int32Array(sizeOf(projection.sourceShape) + 1);
  for (let i = first; i < last; i++) ends[sources[i] + 1]++;
  for (let source = 1; source < ends.length; source++) ends[source] += ends[source - 1];
  const next = ends.slice();
  const synapses = new Int32Array(last - first);
  const targets = new Int32Array(last - first);
  for (let order = 0; order < span.count; order++) {
    for (let i = start[span.from + order]; i < start[span.from + order + 1]; i++) {
      const at = next[sources[i]]++;
      synapses[at] = i;
      targets[at] = span.base + order;
    }
  }
  const rank = (i: number) => exponents[i] * 64 + delays[i];
  return Array.from({ length: ends.length - 1 }, (_, source) => {
    const [from, to] = [ends[source], ends[source + 1]];
    if (from === to) return null;
    const order = Int32Array.from({ length: to - from }, (_, i) => from + i);
    // Stable, so targets stay in order within a format.
    if (synapses.subarray(from, to).some((i) => rank(i) !== rank(synapses[from]))) {
      order.sort((a, b) => rank(synapses[a]) - rank(synapses[b]) || a - b);
    }
    return {
      targets: order.map((at) => targets[at]),
      mantissas: order.map((at) => mantissas[synapses[at]]),
      exponents: order.map((at) => exponents[synapses[at]]),
      delays: order.map((at) => delays[synapses[at]]),
    };
  });
}

function discreteAxons(bySource: readonly (SynapseList | null)[], limits: CoreLimits): AxonSet {
  const axons: Axon[] = [];
  const lists: SynapseList[] = [];
  const routes: Route[] = [];
  const tally = newTally();
  bySource.forEach((whole, source) => {
    if (whole === null) return;
    for (const list of chunks(whole, limits)) {
      count(tally, list, limits);
      routes.push({ source, axon: axons.length, atom: 0 });
      axons.push({ kind: "discrete", base: 0, firstList: lists.length, atoms: 1 });
      lists.push(list);
    }
  });
  return { axons, lists, routes, ...tally };
}

/** Null when a list is too long for one axon or there are too many atoms. */
function populationAxons(
  projection: Projection,
  bySource: readonly (SynapseList | null)[],
  limits: CoreLimits,
): AxonSet | null {
  const [channels, height, width] = projection.sourceShape;
  if (channels > ATOMS_MAX) return null;
  const axons: Axon[] = [];
  const lists: SynapseList[] = [];
  const routes: Route[] = [];
  const tally = newTally();
  const known = new Map<string, number>();
  for (let position = 0, area = height * width; position < area; position++) {
    const own = Array.from({ length: channels }, (_, channel) => bySource[channel * area + position]);
    const lowest = own.reduce((least, list) => list === null ? least : Math.min(least, lowestTarget(list)), Infinity);
    if (lowest === Infinity) continue;
    const base = lowest % (BASE_MAX + 1);
    const shifted = own.map((list) => shiftTargets(list, base));
    const key = shifted.map((list) => `${list.targets.length}:${keyOf(list)}`).join("");
    let firstList = known.get(key);
    if (firstList === undefined) {
      firstList = lists.length;
      known.set(key, firstList);
      const before = tally.words;
      let longest = 0;
      for (const list of shifted) longest = Math.max(longest, count(tally, list, limits));
      if (longest > limits.synapseWordsPerAxon) return null;
      // An atom picks its list by multiplication, so all lists of a population take the room of the longest.
      tally.words = before + longest * channels;
      lists.push(...shifted);
    }
    own.forEach((list, atom) => {
      if (list !== null) routes.push({ source: atom * area + position, axon: axons.length, atom });
    });
    axons.push({ kind: "population", base, firstList, atoms: channels });
  }
  return { axons, lists, routes, ...tally };
}

function shiftTargets(list: SynapseList | null, base: number): SynapseList {
  if (list === null) return NO_SYNAPSES;
  return { ...list, targets: list.targets.map((target) => target - base) };
}

const NO_SYNAPSES: SynapseList = {
  targets: new Int32Array(0),
  mantissas: new Int32Array(0),
  exponents: new Int32Array(0),
  delays: new Int32Array(0),
};

/** Sorted by format, a list's first target need not be its lowest. */
function lowestTarget(list: SynapseList): number {
  return list.targets.reduce((least, target) => Math.min(least, target), Infinity);
}

/** Equal for lists of equal synapses, and for no others. */
function keyOf({ targets, mantissas, exponents, delays }: SynapseList): string {
  let key = "";
  for (let i = 0; i < targets.length; i++) {
    key += String.fromCharCode(targets[i], mantissas[i] + 256, exponents[i] * 64 + delays[i]);
  }
  return key;
}

/** A list in pieces that one axon each can reach. */
function chunks(list: SynapseList, limits: CoreLimits): SynapseList[] {
  if (list.targets.length <= 1 || costOf(list, limits).words <= limits.synapseWordsPerAxon) return [list];
  const half = Math.ceil(list.targets.length / 2);
  const cut = (from: number, to?: number): SynapseList => ({
    targets: list.targets.slice(from, to),
    mantissas: list.mantissas.slice(from, to),
    exponents: list.exponents.slice(from, to),
    delays: list.delays.slice(from, to),
  });
  return [...chunks(cut(0, half), limits), ...chunks(cut(half), limits)];
}

interface Tally {
  words: number;
  formats: Set<number>;
  delayMax: number;
}

function newTally(): Tally {
  return { words: 0, formats: new Set(), delayMax: 0 };
}

/** Adds a list to the totals. @returns its words */
function count(tally: Tally, list: SynapseList, limits: CoreLimits): number {
  const { words, formats } = costOf(list, limits);
  tally.words += words;
  for (const format of formats) tally.formats.add(format);
  for (const delay of list.delays) tally.delayMax = Math.max(tally.delayMax, delay);
  return words;
}
