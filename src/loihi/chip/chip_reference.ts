/**
 * The chip, literally: in every step every spike of the step before is delivered synapse by synapse, then every compartment of
 * every core is updated by `stepCompartment`. Slow and to be read; `chip_fast.ts` must equal it in every number.
 */

import { INPUT_STEP, START_STEP } from "../compile/circuit.ts";
import { DELAY_MAX } from "../compile/control.ts";
import { effectiveWeight } from "../compile/mantissas.ts";
import { type BoardImage, firstInputSource, startSource } from "../compile/image.ts";
import { checkLevels, type Chip, countNeurons, NEVER, zeroChipCounters } from "./chip.ts";
import {
  type CompartmentParameters,
  type CompartmentState,
  stepCompartment,
  type StepEvents,
  V_MAX,
} from "./compartment.ts";

/** Accumulators a compartment: spikes may act in this step or up to `DELAY_MAX` later. */
const SLOTS = DELAY_MAX + 1;

/** Loads an image into a literal chip. */
export function createReferenceChip(image: BoardImage): Chip {
  const parameters = image.groups.flatMap((group) => parametersOf(image, group));
  const size = parameters.length;
  const firstSteps = new Int32Array(size);
  const spikeCounts = new Uint16Array(size);
  const counters = zeroChipCounters();
  const chip: Chip = { image, counters, firstSteps, spikeCounts, run };
  return chip;

  function run(levels: Int16Array): void {
    checkLevels(image, levels);
    Object.assign(counters, zeroChipCounters());
    firstSteps.fill(NEVER);
    spikeCounts.fill(0);
    const states = Array.from({ length: size }, (): CompartmentState => ({ u: 0, v: 0, refractory: 0 }));
    const arriving = Array.from({ length: SLOTS }, () => new Float64Array(size));
    const clipped = new Set<number>();
    const events: StepEvents = { spike: false, qWrapped: false, uWrapped: false, vClipped: false };
    let spiking: number[] = [];
    for (let step = 1; step <= image.frameSteps; step++) {
      // Spikes of the last step, of compartments and of the host, act now or, delayed, later.
      for (const source of [...spiking, ...hostSpikes(image, levels, step - 1)]) {
        if (source >= size) counters.inputSpikes++;
        deliver(source, step, arriving);
      }
      spiking = [];
      const q = arriving[step % SLOTS];
      for (let i = 0; i < size; i++) {
        stepCompartment(parameters[i], states[i], q[i], events);
        if (events.qWrapped) counters.qOverflows++;
        if (events.uWrapped) counters.uOverflows++;
        if (events.vClipped && firstSteps[i] === NEVER) clipped.add(i);
        if (!events.spike) continue;
        spiking.push(i);
        counters.spikes++;
        spikeCounts[i]++;
        if (firstSteps[i] === NEVER) firstSteps[i] = step;
      }
      q.fill(0);
    }
    counters.steps = image.frameSteps;
    counters.vClips = clipped.size;
    countNeurons(chip, counters);
  }

  function deliver(source: number, step: number, arriving: readonly Float64Array[]): void {
    for (let route = image.routeStarts[source]; route < image.routeStarts[source + 1]; route++) {
      const axon = image.routeAxons[route];
      const list = image.axonFirstLists[axon] + image.routeAtoms[route];
      const base = image.cores[image.axonCores[axon]].firstCompartment + image.axonBases[axon];
      for (let i = image.listStarts[list]; i < image.listStarts[list + 1]; i++) {
        const weight = { mantissa: image.synapseMantissas[i], exponent: image.synapseExponents[i] };
        const slot = (step + image.synapseDelays[i]) % SLOTS;
        arriving[slot][base + image.synapseTargets[i]] += effectiveWeight(weight);
        counters.synops++;
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** What the host injects at `step`: the start, and every pixel whose level says so. */
function hostSpikes(image: BoardImage, levels: Int16Array, step: number): number[] {
  const sources = step === START_STEP ? [startSource(image)] : [];
  levels.forEach((level, pixel) => {
    if (INPUT_STEP + image.tMax - level === step) sources.push(firstInputSource(image) + pixel);
  });
  return sources;
}

function parametersOf(image: BoardImage, group: BoardImage["groups"][number]): CompartmentParameters[] {
  const { first, count, currentDecay, refractorySteps } = group;
  return Array.from({ length: count }, (_, i) => ({
    currentDecay,
    voltageDecay: 0,
    threshold: image.thresholds[first + i] * 64,
    bias: 0,
    refractorySteps,
    vMin: 1 - 2 ** image.vMinExponent,
    vMax: V_MAX,
  }));
}
