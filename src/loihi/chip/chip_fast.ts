/**
 * The chip, event by event: only groups of compartments in which something can happen are updated.
 *
 * Same result as `chip_reference.ts` for every image and frame, counters too; differs in:
 * * a group sleeps while nothing arrives and no compartment of it can move towards its threshold, i.e. every current is at most
 *   0 (or forgotten). On waking, v is brought forward in one step: v + n · u, clipped. Layers whose turn is not yet, or over,
 *   cost nothing;
 * * synapses are one flat weight each, and routes lead straight to a list and a first compartment.
 */

import { sizeOf } from "../../core/shape.ts";
import { INPUT_STEP, START_STEP } from "../compile/circuit.ts";
import { DELAY_MAX } from "../compile/control.ts";
import { type BoardImage, firstInputSource, startSource } from "../compile/image.ts";
import { checkLevels, type Chip, countNeurons, NEVER, zeroChipCounters } from "./chip.ts";
import { V_MAX } from "./compartment.ts";

const SLOTS = DELAY_MAX + 1;

/** Loads an image into a fast chip; all buffers are allocated here. */
export function createChip(image: BoardImage): Chip {
  const program = createProgram(image);
  const state = createState(program);
  const counters = zeroChipCounters();
  const { firstSteps, spikeCounts } = state;
  const chip: Chip = { image, counters, firstSteps, spikeCounts, run };
  return chip;

  function run(levels: Int16Array): void {
    checkLevels(image, levels);
    Object.assign(counters, zeroChipCounters());
    resetState(state);
    const inputs = sortInputs(program, levels);
    counters.inputSpikes = 1 + levels.length;
    for (let step = 1; step <= program.frameSteps; step++) {
      const { spiking } = state;
      const spikes = state.spikeCount;
      for (let i = 0; i < spikes; i++) counters.synops += deliver(program, state, spiking[i], step);
      if (step - 1 === START_STEP) counters.synops += deliver(program, state, program.startSource, step);
      const bucket = step - 1 - INPUT_STEP;
      if (bucket >= 0 && bucket <= program.tMax) {
        for (let i = inputs.starts[bucket]; i < inputs.starts[bucket + 1]; i++) {
          counters.synops += deliver(program, state, program.firstInput + inputs.pixels[i], step);
        }
      }
      state.spikeCount = 0;
      updateGroups(program, state, step, counters);
      counters.spikes += state.spikeCount;
    }
    counters.steps = program.frameSteps;
    counters.vClips = settleClips(program, state);
    countNeurons(chip, counters);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Group {
  readonly first: number;
  readonly end: number;
  readonly holds: boolean;
  readonly refractorySteps: number;
}

interface Program {
  readonly tMax: number;
  readonly frameSteps: number;
  readonly firstInput: number;
  readonly startSource: number;
  readonly size: number;
  readonly groups: readonly Group[];
  readonly thresholds: Int32Array;
  readonly vMin: number;
  readonly routeStarts: Int32Array;
  /** Of each route: its list, the compartment that target 0 stands for, and the group that it leads into. */
  readonly routeLists: Int32Array;
  readonly routeFirsts: Int32Array;
  readonly routeGroups: Int32Array;
  readonly listStarts: Int32Array;
  /** 1 for lists with a delayed synapse. */
  readonly listDelayed: Uint8Array;
  readonly targets: Int16Array;
  readonly weights: Int32Array;
  readonly delays: Uint8Array;
  readonly inputStarts: Int32Array;
  readonly inputPixels: Int32Array;
}

interface State {
  readonly u: Int32Array;
  readonly v: Int32Array;
  readonly hold: Uint8Array;
  /** Sums of arriving weights, one row a slot. */
  readonly q: Int32Array;
  /** By slot and group: something arrives. */
  readonly pending: Uint8Array;
  /** By group: a compartment can move towards its threshold without input. */
  readonly awake: Uint8Array;
  /** By group: last step whose update is in u and v. */
  readonly settled: Int32Array;
  readonly clipped: Uint8Array;
  readonly firstSteps: Int32Array;
  readonly spikeCounts: Uint16Array;
  readonly spiking: Int32Array;
  spikeCount: number;
}

function createProgram(image: BoardImage): Program {
  const groups = image.groups.map(({ first, count, currentDecay, refractorySteps }) => ({
    first,
    end: first + count,
    holds: currentDecay === 0,
    refractorySteps,
  }));
  const groupOf = new Int32Array(image.thresholds.length);
  groups.forEach(({ first, end }, group) => groupOf.fill(group, first, end));
  const routes = image.routeAxons.length;
  const routeLists = new Int32Array(routes);
  const routeFirsts = new Int32Array(routes);
  const routeGroups = new Int32Array(routes);
  for (let route = 0; route < routes; route++) {
    const axon = image.routeAxons[route];
    const list = image.axonFirstLists[axon] + image.routeAtoms[route];
    routeLists[route] = list;
    routeFirsts[route] = image.cores[image.axonCores[axon]].firstCompartment + image.axonBases[axon];
    // All synapses of an axon lead into one part of one population; an empty list leads nowhere.
    const synapse = image.listStarts[list];
    if (synapse < image.listStarts[list + 1]) {
      routeGroups[route] = groupOf[routeFirsts[route] + image.synapseTargets[synapse]];
    }
  }
  const listDelayed = new Uint8Array(image.listStarts.length - 1);
  for (let list = 0; list < listDelayed.length; list++) {
    for (let i = image.listStarts[list]; i < image.listStarts[list + 1]; i++) {
      if (image.synapseDelays[i] > 0) listDelayed[list] = 1;
    }
  }
  return {
    tMax: image.tMax,
    frameSteps: image.frameSteps,
    firstInput: firstInputSource(image),
    startSource: startSource(image),
    size: image.thresholds.length,
    groups,
    thresholds: image.thresholds.map((mantissa) => mantissa * 64),
    vMin: 1 - 2 ** image.vMinExponent,
    routeStarts: image.routeStarts,
    routeLists,
    routeFirsts,
    routeGroups,
    listStarts: image.listStarts,
    listDelayed,
    targets: image.synapseTargets,
    weights: Int32Array.from(image.synapseMantissas, (m, i) => m * 2 ** (6 + image.synapseExponents[i])),
    delays: image.synapseDelays,
    inputStarts: new Int32Array(image.tMax + 2),
    inputPixels: new Int32Array(sizeOf(image.inputShape)),
  };
}

function createState({ size, groups }: Program): State {
  return {
    u: new Int32Array(size),
    v: new Int32Array(size),
    hold: new Uint8Array(size),
    q: new Int32Array(size * SLOTS),
    pending: new Uint8Array(groups.length * SLOTS),
    awake: new Uint8Array(groups.length),
    settled: new Int32Array(groups.length),
    clipped: new Uint8Array(size),
    firstSteps: new Int32Array(size),
    spikeCounts: new Uint16Array(size),
    spiking: new Int32Array(size),
    spikeCount: 0,
  };
}

function resetState(state: State): void {
  state.u.fill(0);
  state.v.fill(0);
  state.hold.fill(0);
  state.q.fill(0);
  state.pending.fill(0);
  state.awake.fill(0);
  state.settled.fill(0);
  state.clipped.fill(0);
  state.firstSteps.fill(NEVER);
  state.spikeCounts.fill(0);
  state.spikeCount = 0;
}

/** Pixels by spike step: those of bucket b spike at step 2 + b. */
function sortInputs(program: Program, levels: Int16Array): { starts: Int32Array; pixels: Int32Array } {
  const { inputStarts: starts, inputPixels: pixels, tMax } = program;
  starts.fill(0);
  for (let i = 0; i < levels.length; i++) starts[tMax - levels[i] + 1]++;
  for (let bucket = 1; bucket < starts.length; bucket++) starts[bucket] += starts[bucket - 1];
  // Filled from the back, `starts` ends at the first of each bucket.
  for (let i = levels.length - 1; i >= 0; i--) pixels[--starts[tMax - levels[i] + 1]] = i;
  for (let bucket = 0; bucket <= tMax; bucket++) starts[bucket] = starts[bucket + 1];
  starts[tMax + 1] = levels.length;
  return { starts, pixels };
}

/** Adds the synapses of one spike to what arrives at `step` or later. @returns how many there were */
function deliver(program: Program, state: State, source: number, step: number): number {
  const { routeStarts, routeLists, routeFirsts, routeGroups, listStarts, targets, weights, delays } = program;
  const { q, pending } = state;
  const groups = program.groups.length;
  const size = program.size;
  let synapses = 0;
  for (let route = routeStarts[source], last = routeStarts[source + 1]; route < last; route++) {
    const list = routeLists[route];
    const end = listStarts[list + 1];
    const begin = listStarts[list];
    synapses += end - begin;
    if (program.listDelayed[list] === 0) {
      const slot = step % SLOTS;
      const base = slot * size + routeFirsts[route];
      pending[slot * groups + routeGroups[route]] = 1;
      for (let i = begin; i < end; i++) q[base + targets[i]] += weights[i];
    } else {
      for (let i = begin; i < end; i++) {
        const slot = (step + delays[i]) % SLOTS;
        pending[slot * groups + routeGroups[route]] = 1;
        q[slot * size + routeFirsts[route] + targets[i]] += weights[i];
      }
    }
  }
  return synapses;
}

type Overflows = { qOverflows: number; uOverflows: number };

function updateGroups(program: Program, state: State, step: number, counters: Overflows): void {
  const { groups } = program;
  const { pending, awake, settled } = state;
  const slot = step % SLOTS;
  for (let g = 0; g < groups.length; g++) {
    if (pending[slot * groups.length + g] === 0 && awake[g] === 0) continue;
    pending[slot * groups.length + g] = 0;
    const missed = step - 1 - settled[g];
    if (missed > 0 && groups[g].holds) catchUp(program, state, groups[g], missed);
    settled[g] = step;
    awake[g] = updateGroup(program, state, groups[g], step, counters) ? 1 : 0;
  }
}

/** Steps without input, in which every current is at most 0. */
function catchUp(program: Program, state: State, group: Group, missed: number): void {
  const { u, v, clipped, firstSteps } = state;
  const { vMin } = program;
  for (let i = group.first; i < group.end; i++) {
    // In doubles: the product may need more than 32 bits.
    const potential = v[i] + u[i] * missed;
    if (potential >= vMin) v[i] = potential;
    else {
      v[i] = vMin;
      if (firstSteps[i] === NEVER) clipped[i] = 1;
    }
  }
}

/** One step of every compartment of a group. @returns whether one of them can move towards its threshold without input */
function updateGroup(program: Program, state: State, group: Group, step: number, counters: Overflows): boolean {
  const { thresholds, vMin, size } = program;
  const { u, v, q, hold, clipped, firstSteps, spikeCounts, spiking } = state;
  const { first, end, holds, refractorySteps } = group;
  const row = (step % SLOTS) * size;
  let awake = false;
  let count = state.spikeCount;
  for (let i = first; i < end; i++) {
    let current = u[i];
    // Decay of 4095 in 4096: what is left is the magnitude / 4096, rounded toward zero.
    if (!holds) current = current < 0 ? -(-current >> 12) : current >> 12;
    const sum = q[row + i];
    if (sum !== 0) {
      q[row + i] = 0;
      const input = (sum << 10) >> 10;
      if (input !== sum) counters.qOverflows++;
      const total = current + input;
      current = (total << 8) >> 8;
      if (current !== total) counters.uOverflows++;
    }
    u[i] = current;
    let potential = v[i] + current;
    if (potential < vMin) {
      potential = vMin;
      if (firstSteps[i] === NEVER) clipped[i] = 1;
    } else if (potential > V_MAX) {
      potential = V_MAX;
      if (firstSteps[i] === NEVER) clipped[i] = 1;
    }
    if (hold[i] > 0) {
      potential = 0;
      hold[i]--;
      awake = true;
    }
    if (potential > thresholds[i]) {
      potential = 0;
      hold[i] = refractorySteps - 1;
      spiking[count++] = i;
      spikeCounts[i]++;
      if (firstSteps[i] === NEVER) firstSteps[i] = step;
    }
    v[i] = potential;
    if (holds ? current > 0 : current !== 0) awake = true;
  }
  state.spikeCount = count;
  return awake || (refractorySteps > 1 && count > 0);
}

/** Compartments that were clipped before they fired, those included that slept to the end of the frame. */
function settleClips(program: Program, state: State): number {
  let clips = 0;
  program.groups.forEach((group, g) => {
    const missed = program.frameSteps - state.settled[g];
    if (missed > 0 && group.holds) catchUp(program, state, group, missed);
    for (let i = group.first; i < group.end; i++) clips += state.clipped[i];
  });
  return clips;
}
