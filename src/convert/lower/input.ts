/** The model's input: which of its sizes are channels, rows and columns. */

import type { Issue } from "../../core/errors.ts";
import { formatShape, type Shape, sizeOf } from "../../core/shape.ts";
import type { OnnxModel } from "../onnx/model.ts";
import type { Layout, SourceInput } from "../graph.ts";

/**
 * Finds the input's shape: `[batch, channels, rows, columns]`, channels last, `[batch, rows, columns]` or
 * `[batch, pixels]`, the last two with one channel. Pushes what does not fit the images.
 *
 * @param frame the images' `[channels, height, width]`; fills sizes that the model leaves open
 */
export function readInput(model: OnnxModel, frame: Shape, issues: Issue[]): SourceInput {
  const info = model.inputs[0];
  const input = { name: info?.name ?? "", shape: frame, layout: "chw" as Layout };
  const ones = Array<number>(frame[0]).fill(1);
  const result: SourceInput = { ...input, scale: ones, offset: ones.map(() => 0) };
  const fail = (expected: string, found: string, hint?: string): SourceInput => {
    issues.push({ where: `input ${JSON.stringify(input.name)}`, expected, found, hint });
    return result;
  };
  if (model.inputs.length !== 1 || info.dims === null) {
    return fail("one input with known rank", `${model.inputs.length} input(s)`);
  }
  const [batch = 0, ...sizes] = info.dims;
  const found = `[${info.dims.map((size) => size || "any").join(", ")}]`;
  if (batch > 1) return fail("a batch of 1, or of any size", found, "Export with a batch of 1 or a dynamic batch axis");
  const [channels, height, width] = frame;
  const fits = (...wanted: number[]) =>
    wanted.length === sizes.length && wanted.every((size, i) => sizes[i] === 0 || sizes[i] === size);
  if (fits(channels, height, width)) return result;
  if (fits(height, width, channels)) return { ...result, layout: "hwc" };
  if (channels === 1 && (fits(height, width) || fits(sizeOf(frame)))) return result;
  const hint = "Calibrate with images of the model's input size: one channel for grey, three for RGB";
  return fail(`images of ${found} without the batch`, `${formatShape(frame)} (channels x height x width)`, hint);
}
