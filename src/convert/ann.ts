/** The source network itself, run by onnxruntime-web: calibration and comparison. The only user of that package. */

import { env, InferenceSession, Tensor } from "onnxruntime-web";
import { ModelError } from "../core/errors.ts";
import type { OnnxModel } from "./onnx/model.ts";
import { BinaryWriter, WireType } from "./onnx/wire.ts";

/** A running model. One frame at a time. */
export interface Ann extends AsyncDisposable {
  /**
   * Runs one frame.
   *
   * @param values the input, as the model wants it
   * @returns the values that were asked for, in that order; they belong to the caller
   * @throws {ModelError} `convert.ann` when the model fails
   */
  run(values: Float32Array): Promise<Float32Array[]>;
}

/**
 * Starts a model.
 *
 * @param input its input's name
 * @param dims the input's sizes, batch of 1 first
 * @param values names of the values to read: outputs, or anything that a node computes
 * @throws {ModelError} `convert.ann` when onnxruntime refuses the model
 */
export async function startAnn(
  model: OnnxModel,
  input: { readonly name: string; readonly dims: readonly number[] },
  values: readonly string[],
): Promise<Ann> {
  // Sums in one thread are the same on every run.
  env.wasm.numThreads = 1;
  const fail = (cause: unknown): never => {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint = "Check the model with onnx.checker; it must run on onnxruntime with a batch of 1";
    throw new ModelError("convert.ann", `Cannot run the model as onnxruntime refuses it: ${why.slice(0, 400)}`, {
      hint,
      cause,
    });
  };
  const session = await InferenceSession.create(withOutputs(model, values), {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
    externalData: model.externalFiles.map((file) => ({ path: file.path, data: file.bytes })),
  }).catch(fail);
  return {
    async run(frame) {
      const results = await session!.run({ [input.name]: new Tensor("float32", frame, input.dims) }, [...values])
        .catch(fail);
      return values.map((name) => results![name].data as Float32Array);
    },
    async [Symbol.asyncDispose]() {
      await session!.release();
    },
  };
}

/**
 * The model's bytes with more outputs. Protobuf joins two messages that stand one after the other, so the file itself is
 * not rewritten: a small message with a graph of outputs only is put behind it.
 */
function withOutputs(model: OnnxModel, values: readonly string[]): Uint8Array {
  const known = new Set(model.outputs.map((output) => output.name));
  const graph = new BinaryWriter();
  for (const name of values) {
    if (known.has(name)) continue;
    known.add(name);
    const info = new BinaryWriter();
    info.tag(1, WireType.LengthDelimited).string(name);
    graph.tag(12, WireType.LengthDelimited).bytes(info.finish());
  }
  const addition = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
  const bytes = new Uint8Array(model.bytes.length + addition.length);
  bytes.set(model.bytes);
  bytes.set(addition, model.bytes.length);
  return bytes;
}
