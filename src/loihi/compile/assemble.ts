/** Puts a placed circuit together: numbers compartments, axons and lists over all cores. */

import type { Network } from "../../core/network.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Board } from "../board.ts";
import { type Circuit, INPUT, neuronOf } from "./circuit.ts";
import type { BoardImage, ImageArrays, ImageCore, ImageGroup, ImageHeader, ImageLayer } from "./image.ts";
import { sealImage } from "./image_file.ts";
import { INSTANT_DECAY } from "./instant.ts";
import type { PlacedCore } from "./partition.ts";
import type { Recipe } from "./recipe.ts";
import type { SynapseList } from "./synapse_words.ts";

/** The image of `network` as placed. */
export function assemble(
  network: Network,
  recipe: Recipe,
  parts: { readonly circuit: Circuit; readonly cores: readonly PlacedCore[]; readonly board: Board },
): BoardImage {
  const { circuit, cores, board } = parts;
  const places = placeCompartments(circuit, cores, board);
  const arrays = layArrays(circuit, cores, places);
  const { groups, imageCores, compartmentOf } = places;
  const layers: ImageLayer[] = [];
  const neuronCompartments: number[] = [];
  for (const { name, parts, shape, readoutStep, zeroStep, lastStep } of circuit.layers) {
    layers.push({ name, shape, first: neuronCompartments.length, readoutStep, zeroStep, lastStep });
    for (const { population, count } of parts) {
      // Where a flatten or concat passes the input on there are pixels and no compartments.
      const places = population === INPUT ? new Int32Array(count).fill(-1) : compartmentOf[population];
      for (const compartment of places) neuronCompartments.push(compartment);
    }
  }
  const synops = (data: boolean) =>
    circuit.projections.reduce((sum, { role, sources }) => sum + ((role === "data") === data ? sources.length : 0), 0);
  const header: ImageHeader = {
    board: board.name,
    network: { name: network.name, digest: network.digest },
    recipe,
    tMax: network.tMax,
    frameSteps: circuit.frameSteps,
    vMinExponent: circuit.vMinExponent,
    inputShape: circuit.inputShape,
    cores: imageCores,
    groups,
    layers,
    synopsData: synops(true),
    synopsControl: synops(false),
  };
  return sealImage(header, { ...arrays, neuronCompartments: Int32Array.from(neuronCompartments) });
}

// ---------------------------------------------------------------------------------------------------------------------

interface Places {
  readonly imageCores: readonly ImageCore[];
  readonly groups: readonly ImageGroup[];
  /** Of each neuron of each population. */
  readonly compartmentOf: readonly Int32Array[];
  readonly thresholds: Int32Array;
}

function placeCompartments(circuit: Circuit, cores: readonly PlacedCore[], board: Board): Places {
  const imageCores: ImageCore[] = [];
  const groups: ImageGroup[] = [];
  const compartmentOf = circuit.populations.map(({ shape }) => new Int32Array(sizeOf(shape)));
  const thresholds: number[] = [];
  cores.forEach(({ parts, use }, index) => {
    const firstCompartment = thresholds.length;
    for (const { population, from, count, channels, area } of parts) {
      const { name, kind, refractorySteps, thresholds: own } = circuit.populations[population];
      const currentDecay = kind === "integrate" ? 0 : INSTANT_DECAY;
      groups.push({ name, core: index, first: thresholds.length, count, currentDecay, refractorySteps });
      for (let order = from; order < from + count; order++) {
        const neuron = neuronOf(order, channels, area);
        compartmentOf[population][neuron] = thresholds.length;
        thresholds.push(own[neuron]);
      }
    }
    imageCores.push({
      chip: Math.floor(index / board.coresPerChip),
      core: index % board.coresPerChip,
      firstCompartment,
      compartments: thresholds.length - firstCompartment,
      use,
    });
  });
  return { imageCores, groups, compartmentOf, thresholds: Int32Array.from(thresholds) };
}

function layArrays(
  circuit: Circuit,
  cores: readonly PlacedCore[],
  places: Places,
): Omit<ImageArrays, "neuronCompartments"> {
  const { compartmentOf, thresholds } = places;
  const axons: { core: number; base: number; firstList: number; atoms: number }[] = [];
  const lists: SynapseList[] = [];
  const inputs = sizeOf(circuit.inputShape);
  const routes: { axon: number; atom: number }[][] = Array.from({ length: thresholds.length + inputs + 1 }, () => []);
  cores.forEach(({ parts }, core) => {
    for (const { inputs: sets } of parts) {
      for (const { projection, set } of sets) {
        const { source } = circuit.projections[projection];
        for (const route of set.routes) {
          const index = source >= 0
            ? compartmentOf[source][route.source]
            : thresholds.length + (source === INPUT ? route.source : inputs);
          routes[index].push({ axon: axons.length + route.axon, atom: route.atom });
        }
        for (const { base, firstList, atoms } of set.axons) {
          axons.push({ core, base, firstList: lists.length + firstList, atoms });
        }
        // Not by spreading: a core's lists can be more than a call takes arguments.
        for (const list of set.lists) lists.push(list);
      }
    }
  });
  const starts = (sizes: readonly number[]) => {
    const result = new Int32Array(sizes.length + 1);
    sizes.forEach((size, i) => result[i + 1] = result[i] + size);
    return result;
  };
  const flat = routes.flat();
  const listStarts = starts(lists.map((list) => list.targets.length));
  const fill = <A extends Int16Array | Uint8Array>(array: A, field: keyof SynapseList): A => {
    lists.forEach((list, i) => array.set(list[field], listStarts[i]));
    return array;
  };
  const synapses = listStarts[lists.length];
  return {
    thresholds,
    axonCores: Int32Array.from(axons, (axon) => axon.core),
    axonBases: Uint8Array.from(axons, (axon) => axon.base),
    axonFirstLists: Int32Array.from(axons, (axon) => axon.firstList),
    axonAtoms: Int16Array.from(axons, (axon) => axon.atoms),
    listStarts,
    synapseTargets: fill(new Int16Array(synapses), "targets"),
    synapseMantissas: fill(new Int16Array(synapses), "mantissas"),
    synapseExponents: fill(new Uint8Array(synapses), "exponents"),
    synapseDelays: fill(new Uint8Array(synapses), "delays"),
    routeStarts: starts(routes.map((list) => list.length)),
    routeAxons: Int32Array.from(flat, (route) => route.axon),
    routeAtoms: Int16Array.from(flat, (route) => route.atom),
  };
}
