/** A `Network` back to the bytes of a network file. */

import type { Layer, Network, SelfTest } from "../core/network.ts";
import { networkChecksum } from "./checksum.ts";
import { type Tensor, writeContainer } from "./container.ts";
import { type Manifest, type ManifestLayer, manifestToJson } from "./manifest_schema.ts";

/**
 * Bytes of a network file. Loading them gives the same network, digest apart (it is the file's own).
 *
 * The same network always gives the same bytes.
 */
export function saveNetwork(network: Omit<Network, "digest">): Uint8Array {
  const tensors = new Map<string, Tensor>();
  const layers = network.layers.map((layer) => toManifestLayer(network.layers, layer, tensors));
  const manifest: Manifest = {
    name: network.name,
    convention: network.convention,
    tMax: network.tMax,
    input: network.input,
    layers,
    outputScale: network.outputScale,
    normalisation: network.normalisation,
    labels: network.labels,
    provenance: network.provenance,
    selfTest: network.selfTest === null ? null : addSelfTest(network, network.selfTest, tensors),
  };
  const quartz = JSON.stringify(manifestToJson(manifest));
  return writeContainer({ metadata: { quartz, sha256: networkChecksum(quartz, tensors.values()) }, tensors });
}

// ---------------------------------------------------------------------------------------------------------------------

function toManifestLayer(layers: readonly Layer[], layer: Layer, tensors: Map<string, Tensor>): ManifestLayer {
  const inputs = layer.inputs.map((index) => (index < 0 ? "input" : layers[index].name));
  switch (layer.kind) {
    case "conv2d":
    case "dense": {
      const { weights, bias } = layer;
      const fanIn = weights.length / layer.shape[0];
      const shape = layer.kind === "dense"
        ? [layer.shape[0], fanIn]
        : [layer.shape[0], fanIn / (layer.kernel[0] * layer.kernel[1]), ...layer.kernel];
      const names = { weights: `${layer.name}.weight`, bias: `${layer.name}.bias` };
      tensors.set(names.weights, { dtype: "F32", shape, bytes: bytesOf(weights) });
      tensors.set(names.bias, { dtype: "F32", shape: [bias.length], bytes: bytesOf(bias) });
      return { ...layer, inputs, ...names };
    }
    case "add":
      return { ...layer, inputs, weights: [...layer.weights] };
    default:
      return { ...layer, inputs };
  }
}

function addSelfTest(
  network: Pick<Network, "input" | "labels">,
  selfTest: SelfTest,
  tensors: Map<string, Tensor>,
): { frames: string; steps: string } {
  const { count, frames, steps } = selfTest;
  const names = { frames: "self_test.frames", steps: "self_test.steps" };
  tensors.set(names.frames, { dtype: "U8", shape: [count, ...network.input.shape], bytes: frames });
  tensors.set(names.steps, { dtype: "I16", shape: [count, network.labels.length], bytes: bytesOf(steps) });
  return names;
}

/** Little-endian bytes: every platform that this runtime supports is little-endian. */
function bytesOf(array: Float32Array | Int16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
