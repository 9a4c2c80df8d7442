/**
 * A board image as bytes: a safetensors container whose tensors are the arrays and whose metadata hold the header as JSON.
 * The same image always gives the same bytes. What is read is checked to the last index: an agent gets it over a wire.
 */

import { createHash } from "node:crypto";
import { BackendError, type Issue } from "../../core/errors.ts";
import { sizeOf } from "../../core/shape.ts";
import { type Dtype, readContainer, type Tensor, writeContainer } from "../../model/container.ts";
import type { BoardImage, ImageArrays, ImageHeader } from "./image.ts";
import { parseImageHeader } from "./image_schema.ts";
import { DELAY_MAX } from "./control.ts";
import { EXPONENT_MAX, MANTISSA_MAX } from "./mantissas.ts";

const METADATA_KEY = "quartz_board_image";
type AnyArray = Int32Array | Int16Array | Uint8Array;

/** Element type in the file of each array. */
const FIELDS = {
  thresholds: "I32",
  neuronCompartments: "I32",
  axonCores: "I32",
  axonBases: "U8",
  axonFirstLists: "I32",
  axonAtoms: "I16",
  listStarts: "I32",
  synapseTargets: "I16",
  synapseMantissas: "I16",
  synapseExponents: "U8",
  synapseDelays: "U8",
  routeStarts: "I32",
  routeAxons: "I32",
  routeAtoms: "I16",
} as const satisfies Record<keyof ImageArrays, Dtype>;

/** An image from its parts, with its bytes and digest. */
export function sealImage(header: ImageHeader, arrays: ImageArrays): BoardImage {
  return withDigest(header, arrays, writeImage(header, arrays));
}

/**
 * An image from bytes that may come from anywhere.
 *
 * @param name what to call them in errors
 * @throws {ModelError} `model.container` when they are no container
 * @throws {BackendError} `loihi.image` with every problem found
 */
export function readImage(bytes: Uint8Array, name: string): BoardImage {
  const { metadata, tensors } = readContainer(bytes, name);
  const issues: Issue[] = [];
  const header = parseImageHeader(metadata[METADATA_KEY], issues);
  const arrays: Partial<Record<keyof ImageArrays, AnyArray>> = {};
  for (const field of NAMES) {
    const array = readArray(tensors.get(field), field, issues);
    if (array !== null) arrays[field] = array;
  }
  if (header !== null && issues.length === 0) checkImage(header, arrays as ImageArrays, issues);
  if (header === null || issues.length > 0) {
    throw new BackendError("loihi.image", `Cannot use ${JSON.stringify(name)} as it must be a board image`, { issues });
  }
  return withDigest(header, arrays as ImageArrays, bytes);
}

// ---------------------------------------------------------------------------------------------------------------------

function withDigest(header: ImageHeader, arrays: ImageArrays, bytes: Uint8Array): BoardImage {
  return { ...header, ...arrays, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Bytes of an image. */
function writeImage(header: ImageHeader, arrays: ImageArrays): Uint8Array {
  const tensors = new Map<string, Tensor>();
  for (const name of NAMES) {
    const array: AnyArray = arrays[name];
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    tensors.set(name, { dtype: FIELDS[name], shape: [array.length], bytes });
  }
  return writeContainer({ metadata: { [METADATA_KEY]: JSON.stringify(header) }, tensors });
}

const NAMES = Object.keys(FIELDS) as (keyof ImageArrays)[];

function readArray(tensor: Tensor | undefined, name: keyof ImageArrays, issues: Issue[]): AnyArray | null {
  const dtype = FIELDS[name];
  if (tensor?.dtype !== dtype || tensor.shape.length !== 1) {
    issues.push({ where: name, expected: `${dtype} in one dimension`, found: tensor?.dtype ?? "nothing" });
    return null;
  }
  const { buffer } = tensor.bytes.slice();
  return dtype === "U8" ? new Uint8Array(buffer) : dtype === "I16" ? new Int16Array(buffer) : new Int32Array(buffer);
}

/** Every index inside what it points into, so that a chip model can trust them. */
function checkImage(header: ImageHeader, arrays: ImageArrays, issues: Issue[]): void {
  const want = (where: string, fine: boolean, expected: string) => {
    if (!fine) issues.push({ where, expected, found: "others" });
  };
  const compartments = arrays.thresholds.length;
  const sources = compartments + sizeOf(header.inputShape) + 1;
  const neurons = header.layers.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const axons = arrays.axonCores.length;
  const lists = arrays.listStarts.length - 1;
  const synapses = arrays.synapseTargets.length;
  want(
    "cores",
    covers(header.cores.map((core) => [core.firstCompartment, core.compartments]), compartments),
    `${compartments} compartments in order`,
  );
  want(
    "groups",
    covers(header.groups.map((group) => [group.first, group.count]), compartments),
    `${compartments} compartments in order`,
  );
  want("layers", covers(header.layers.map((layer) => [layer.first, sizeOf(layer.shape)]), neurons), "neurons in order");
  want("thresholds", inRange(arrays.thresholds, 0, 2 ** 17 - 1), "17 bits");
  want(
    "neuronCompartments",
    arrays.neuronCompartments.length === neurons && inRange(arrays.neuronCompartments, -1, compartments - 1),
    `${neurons} compartments`,
  );
  want("axonCores", inRange(arrays.axonCores, 0, header.cores.length - 1), "cores of the image");
  for (const name of ["axonBases", "axonFirstLists", "axonAtoms"] as const) {
    want(name, arrays[name].length === axons, `${axons} values`);
  }
  want("synapseTargets", inRange(arrays.synapseTargets, 0, 1023), "compartments of a core");
  want("axonAtoms", inRange(arrays.axonAtoms, 1, 1024), "1 to 1,024 atoms");
  want("routeAtoms", inRange(arrays.routeAtoms, 0, 1023), "0 to 1,023");
  want("listStarts", isStarts(arrays.listStarts, synapses), `rising from 0 to ${synapses}`);
  for (const name of ["synapseMantissas", "synapseExponents", "synapseDelays"] as const) {
    want(name, arrays[name].length === synapses, `${synapses} values`);
  }
  want(
    "synapseMantissas",
    arrays.synapseMantissas.every((m) => m % 2 === 0 && Math.abs(m) <= MANTISSA_MAX),
    "even 8-bit mantissas",
  );
  want("synapseExponents", inRange(arrays.synapseExponents, 0, EXPONENT_MAX), `0 to ${EXPONENT_MAX}`);
  want("synapseDelays", inRange(arrays.synapseDelays, 0, DELAY_MAX), `0 to ${DELAY_MAX}`);
  want(
    "routeStarts",
    arrays.routeStarts.length === sources + 1 && isStarts(arrays.routeStarts, arrays.routeAxons.length),
    "the routes of every source",
  );
  want("routeAxons", inRange(arrays.routeAxons, 0, axons - 1), `axons below ${axons}`);
  want("routeAtoms", arrays.routeAtoms.length === arrays.routeAxons.length, `${arrays.routeAxons.length} values`);
  if (issues.length > 0) return;
  want(
    "routeAtoms",
    arrays.routeAxons.every((axon, i) => arrays.routeAtoms[i] < arrays.axonAtoms[axon]),
    "atoms of their axon",
  );
  want("synapseTargets", targetsFit(header, arrays, lists), "compartments of one group on the axon's core");
}

/** True when every list of every axon stays inside one group of the axon's core: what the chip models rely on. */
function targetsFit(header: ImageHeader, arrays: ImageArrays, lists: number): boolean {
  const nearest = new Int32Array(lists).fill(-1);
  const furthest = new Int32Array(lists).fill(-1);
  for (let list = 0; list < lists; list++) {
    for (let i = arrays.listStarts[list]; i < arrays.listStarts[list + 1]; i++) {
      const target = arrays.synapseTargets[i];
      furthest[list] = Math.max(furthest[list], target);
      nearest[list] = nearest[list] < 0 ? target : Math.min(nearest[list], target);
    }
  }
  const groupOf = new Int32Array(arrays.thresholds.length);
  header.groups.forEach(({ first, count }, group) => groupOf.fill(group, first, first + count));
  return arrays.axonCores.every((core, axon) => {
    const first = arrays.axonFirstLists[axon];
    if (first < 0 || first + arrays.axonAtoms[axon] > lists) return false;
    const { firstCompartment, compartments } = header.cores[core];
    const base = arrays.axonBases[axon];
    for (let list = first; list < first + arrays.axonAtoms[axon]; list++) {
      if (furthest[list] < 0) continue;
      if (base + furthest[list] >= compartments) return false;
      const start = firstCompartment + base;
      if (groupOf[start + nearest[list]] !== groupOf[start + furthest[list]]) return false;
    }
    return true;
  });
}

function inRange(array: AnyArray, low: number, high: number): boolean {
  return (array as Int32Array).every((value) => value >= low && value <= high);
}

function isStarts(array: Int32Array, total: number): boolean {
  if (array.length < 1 || array[0] !== 0 || array[array.length - 1] !== total) return false;
  return array.every((value, i) => i === 0 || value >= array[i - 1]);
}

/** True when the spans follow one another from 0 to `total`. */
function covers(spans: readonly (readonly [number, number])[], total: number): boolean {
  let next = 0;
  for (const [first, count] of spans) {
    if (first !== next) return false;
    next += count;
  }
  return next === total;
}
