/** What is loaded onto a board: cores, compartments, axons, synapses and routes as flat arrays. */

import { type Shape, sizeOf } from "../../core/shape.ts";
import type { CoreUse } from "./partition.ts";
import type { Recipe } from "./recipe.ts";

/** Compartments on one core, one after the other, that are configured alike. */
export interface ImageGroup {
  /** Population they belong to. */
  readonly name: string;
  readonly core: number;
  /** Global number of the first, counted over all cores. */
  readonly first: number;
  readonly count: number;
  /** Effective decay of the current; the voltage does not decay. */
  readonly currentDecay: number;
  readonly refractorySteps: number;
}

/** A core of the image; `index` counts over all chips. */
export interface ImageCore {
  readonly chip: number;
  readonly core: number;
  readonly firstCompartment: number;
  readonly compartments: number;
  readonly use: CoreUse;
}

/** Where a layer's neurons are. */
export interface ImageLayer {
  readonly name: string;
  readonly shape: Shape;
  /** Its neurons in channel, row, column order are `neuronCompartments[first]` and following. */
  readonly first: number;
  /** 0 for layers without a window. */
  readonly readoutStep: number;
  readonly zeroStep: number;
  /** Step by which every neuron should have fired: at rectification, or where the lowest level is. */
  readonly lastStep: number;
}

/** What the image says in words and numbers. */
export interface ImageHeader {
  readonly board: string;
  readonly network: { readonly name: string; readonly digest: string };
  readonly recipe: Recipe;
  readonly tMax: number;
  /** Steps of a frame; the first is 1. */
  readonly frameSteps: number;
  /** Every potential's lower limit is −(2^e) + 1. */
  readonly vMinExponent: number;
  readonly inputShape: Shape;
  readonly cores: readonly ImageCore[];
  readonly groups: readonly ImageGroup[];
  readonly layers: readonly ImageLayer[];
  /** Synapses that act in a frame when each source spikes once: those that carry data, and those of control. */
  readonly synopsData: number;
  readonly synopsControl: number;
}

/** The arrays. Sources are numbered: compartments, then inputs, then the start spike. */
export interface ImageArrays {
  /** Threshold mantissa of each compartment. */
  readonly thresholds: Int32Array;
  /** Compartment of each neuron of each layer; −1 where a layer is the input in another shape. */
  readonly neuronCompartments: Int32Array;
  /** Core of each axon. */
  readonly axonCores: Int32Array;
  /** Added to the targets of the axon's lists. */
  readonly axonBases: Uint8Array;
  readonly axonFirstLists: Int32Array;
  /** Lists that the axon can pick. */
  readonly axonAtoms: Int16Array;
  /** Synapses of list i are `listStarts[i]` … `listStarts[i + 1] − 1`. */
  readonly listStarts: Int32Array;
  /** Compartment on the axon's core, less the axon's base. */
  readonly synapseTargets: Int16Array;
  readonly synapseMantissas: Int16Array;
  readonly synapseExponents: Uint8Array;
  readonly synapseDelays: Uint8Array;
  /** Routes of source i are `routeStarts[i]` … `routeStarts[i + 1] − 1`. */
  readonly routeStarts: Int32Array;
  readonly routeAxons: Int32Array;
  readonly routeAtoms: Int16Array;
}

/** A compiled network; immutable. */
export interface BoardImage extends ImageHeader, ImageArrays {
  /** SHA-256 of `bytes`, hex: the image's identity. */
  readonly sha256: string;
  /** As it travels. */
  readonly bytes: Uint8Array;
}

/** Compartments of an image. */
export function compartmentCount(image: Pick<ImageHeader, "cores">): number {
  return image.cores.reduce((sum, core) => sum + core.compartments, 0);
}

/** Index of the first input among the sources. */
export function firstInputSource(image: Pick<ImageArrays, "thresholds">): number {
  return image.thresholds.length;
}

/** Index of the start spike among the sources. */
export function startSource(image: Pick<ImageArrays, "thresholds"> & Pick<ImageHeader, "inputShape">): number {
  return image.thresholds.length + sizeOf(image.inputShape);
}
