/** Everything that is timed, behind one face. */

import { env, InferenceSession, Tensor } from "onnxruntime-web";
import type { Network } from "../../../src/core/network.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import type { Kernel } from "../../../src/simulator/kernel.ts";
import { createTiming } from "../../../src/ttfs/timing.ts";
import { networkToOnnx } from "./onnx.ts";

/** Something that runs frames, one at a time. */
export interface Peer {
  readonly name: string;
  run(frame: number): void | Promise<void>;
}

/** A kernel of ours over frames of levels. */
export function kernelPeer(name: string, network: Network, kernel: Kernel, frames: readonly Int16Array[]): Peer {
  const output = createInferenceOutput(network);
  return { name, run: (frame) => kernel.run(frames[frame % frames.length], output) };
}

/** onnxruntime-web: WebAssembly SIMD, one thread. */
export async function ortWebPeer(network: Network, frames: readonly Int16Array[]): Promise<Peer> {
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(networkToOnnx(network), { executionProviders: ["wasm"] });
  const inputs = toValues(network, frames).map((values) => ({
    x: new Tensor("float32", values, [1, ...network.input.shape]),
  }));
  return {
    name: "onnxruntime-web",
    run: async (frame) => void await session.run(inputs[frame % inputs.length]),
  };
}

/** onnxruntime-node: native, one thread; null where its library cannot be loaded. */
export async function ortNodePeer(network: Network, frames: readonly Int16Array[]): Promise<Peer | null> {
  const ort = await import("onnxruntime-node").catch(() => null);
  if (ort === null) return null;
  const session = await ort.InferenceSession.create(networkToOnnx(network), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const inputs = toValues(network, frames).map((values) => ({
    x: new ort.Tensor("float32", values, [1, ...network.input.shape]),
  }));
  return {
    name: "onnxruntime-node",
    run: async (frame) => void await session.run(inputs[frame % inputs.length]),
  };
}

function toValues(network: Network, frames: readonly Int16Array[]): Float32Array[] {
  const { unit } = createTiming(network.convention, network.tMax);
  return frames.map((levels) => Float32Array.from(levels, (level) => level / unit));
}
