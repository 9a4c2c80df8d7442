/** Bytes of a network file to a checked `Network`; every problem of the file is reported at once. */

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { type Issue, ModelError } from "../core/errors.ts";
import type { Layer, Network, SelfTest } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import { checkNetwork } from "./check.ts";
import { networkChecksum } from "./checksum.ts";
import { type Container, FILE_BYTES_MAX, readContainer, type Tensor } from "./container.ts";
import { type Manifest, type ManifestLayer, parseManifest } from "./manifest_schema.ts";

/**
 * Reads and checks a network file.
 *
 * @throws {ModelError} `model.open` when the path cannot be read; else as `loadNetwork`
 */
export async function openNetwork(path: string): Promise<Network> {
  let bytes: Uint8Array;
  try {
    const info = await stat(path);
    // Devices and pipes have no size to hold against the limit, and a folder no bytes.
    if (!info.isFile()) throw new Error("it is not a regular file");
    if (info.size > FILE_BYTES_MAX) throw new Error(`it has ${info.size} bytes and the limit is ${FILE_BYTES_MAX}`);
    bytes = await readFile(path);
  } catch (cause) {
    const isMissing = (cause as { readonly code?: unknown }).code === "ENOENT";
    const why = isMissing ? "no such file" : cause instanceof Error ? cause.message : String(cause);
    throw new ModelError("model.open", `Cannot open network ${JSON.stringify(path)}: ${why}`, {
      hint: "Give the path of a .safetensors network file; two that come with it are models/*/network.safetensors",
      facts: { path },
      cause,
    });
  }
  return loadNetwork(bytes, path);
}

/**
 * Checks a network file's bytes and turns them into typed arrays.
 *
 * @param name what to call the file in errors
 * @throws {ModelError} `model.container` when the container is broken, `model.invalid` for all else that is wrong, listed
 */
export function loadNetwork(bytes: Uint8Array, name: string): Network {
  const container = readContainer(bytes, name);
  const issues: Issue[] = [];
  checkSum(container, issues);
  const manifest = readManifest(container, issues);
  if (manifest === null) throw invalid(name, issues);
  const layers = resolveLayers(manifest.layers, container, issues);
  const selfTest = manifest.selfTest === null ? null : readSelfTest(manifest, manifest.selfTest, container, issues);
  const network: Network = {
    ...manifest,
    digest: createHash("sha256").update(bytes).digest("hex"),
    layers,
    selfTest,
  };
  // Geometry means nothing while a layer lacks its tensors or inputs.
  if (issues.length === 0) checkNetwork(network, issues);
  if (issues.length > 0) throw invalid(name, issues);
  return network;
}

// ---------------------------------------------------------------------------------------------------------------------

function invalid(name: string, issues: Issue[]): ModelError {
  return new ModelError("model.invalid", `Cannot load network ${JSON.stringify(name)}: ${issues.length} problem(s)`, {
    issues,
    hint: "Convert the network again, or copy the file again if it was cut or changed on the way",
  });
}

/** Files that were not made by this project need not have a checksum. */
function checkSum({ metadata: { quartz = "", sha256: expected }, tensors }: Container, issues: Issue[]): void {
  if (expected === undefined) return;
  const inFile = [...tensors.values()].sort((a, b) => a.bytes.byteOffset - b.bytes.byteOffset);
  const found = networkChecksum(quartz, inFile);
  if (found === expected) return;
  const hint = "The file was damaged, or changed without its checksum, after it was made";
  issues.push({ where: "__metadata__.sha256", expected, found, hint });
}

function readManifest(container: Container, issues: Issue[]): Manifest | null {
  const text = container.metadata.quartz;
  if (text === undefined) {
    issues.push({
      where: "__metadata__.quartz",
      expected: "a JSON manifest",
      found: "nothing",
      hint: "This is a plain safetensors file, not a network made for quartz-edge",
    });
    return null;
  }
  try {
    return parseManifest(JSON.parse(text), issues);
  } catch (cause) {
    issues.push({ where: "__metadata__.quartz", expected: "JSON", found: (cause as Error).message });
    return null;
  }
}

/** Names to indices and typed arrays. A layer that lacks something keeps an empty array: an issue was pushed for it. */
function resolveLayers(items: readonly ManifestLayer[], container: Container, issues: Issue[]): Layer[] {
  const indices = new Map<string, number>([["input", -1]]);
  return items.map((item, index) => {
    const where = `layers.${index} (${JSON.stringify(item.name)})`;
    const inputs = item.inputs.map((name) => {
      const found = indices.get(name);
      if (found !== undefined) return found;
      issues.push({
        where: `${where} inputs`,
        expected: `"input" or the name of an earlier layer`,
        found: JSON.stringify(name),
      });
      return -1;
    });
    if (indices.has(item.name)) {
      issues.push({ where: `${where} name`, expected: "a name of its own", found: "a name used before" });
    }
    indices.set(item.name, index);
    switch (item.kind) {
      case "conv2d":
      case "dense": {
        const weights = readFloats(container, item.weights, weightShape(item), `${where} weights`, issues);
        const bias = item.bias === null
          ? new Float32Array(item.shape[0])
          : readFloats(container, item.bias, [item.shape[0]], `${where} bias`, issues);
        return { ...item, inputs, weights, bias };
      }
      case "add":
        return { ...item, inputs, weights: Float32Array.from(item.weights) };
      default:
        return { ...item, inputs };
    }
  });
}

/** Wanted shape of a weight tensor; −1 where only the layer's input can tell, which `checkNetwork` holds against it. */
function weightShape(item: Extract<ManifestLayer, { kind: "conv2d" | "dense" }>): number[] {
  return item.kind === "dense" ? [item.shape[0], -1] : [item.shape[0], -1, item.kernel[0], item.kernel[1]];
}

function findTensor(
  container: Container,
  name: string,
  shape: number[],
  where: string,
  issues: Issue[],
): Tensor | null {
  const tensor = container.tensors.get(name);
  const wanted = `[${shape.map((size) => (size < 0 ? "any" : size)).join(", ")}]`;
  if (tensor === undefined) {
    issues.push({ where, expected: `tensor ${JSON.stringify(name)} ${wanted}`, found: "no such tensor" });
    return null;
  }
  const fits = tensor.shape.length === shape.length && shape.every((size, i) => size < 0 || size === tensor.shape[i]);
  if (fits) return tensor;
  issues.push({ where, expected: `tensor ${JSON.stringify(name)} ${wanted}`, found: `[${tensor.shape.join(", ")}]` });
  return null;
}

function readFloats(container: Container, name: string, shape: number[], where: string, issues: Issue[]): Float32Array {
  const tensor = findTensor(container, name, shape, where, issues);
  if (tensor === null) return new Float32Array(0);
  if (tensor.dtype !== "F32") {
    issues.push({ where, expected: `${JSON.stringify(name)} as F32`, found: tensor.dtype });
    return new Float32Array(0);
  }
  // A tensor may start at any byte of the file, so its bytes are moved to where typed arrays can stand.
  const values = new Float32Array(tensor.bytes.slice().buffer);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) issues.push({ where, expected: "finite numbers", found: `${values[bad]} at element ${bad}` });
  return values;
}

function readSelfTest(
  manifest: Manifest,
  names: { frames: string; steps: string },
  container: Container,
  issues: Issue[],
): SelfTest | null {
  const outputs = manifest.layers.at(-1)!.shape;
  const frames = findTensor(container, names.frames, [-1, ...manifest.input.shape], "self_test.frames", issues);
  const steps = findTensor(container, names.steps, [-1, sizeOf(outputs)], "self_test.steps", issues);
  if (frames === null || steps === null) return null;
  if (frames.dtype !== "U8") issues.push({ where: "self_test.frames", expected: "U8", found: frames.dtype });
  if (steps.dtype !== "I16") issues.push({ where: "self_test.steps", expected: "I16", found: steps.dtype });
  if (frames.shape[0] !== steps.shape[0]) {
    issues.push({ where: "self_test", expected: `${frames.shape[0]} rows of steps`, found: `${steps.shape[0]}` });
  }
  if (frames.dtype !== "U8" || steps.dtype !== "I16") return null;
  return { count: frames.shape[0], frames: frames.bytes.slice(), steps: new Int16Array(steps.bytes.slice().buffer) };
}
