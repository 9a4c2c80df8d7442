/** Starts onnxruntime once, outside any test: it opens a message port for the whole process, which is no test's leak. */

import { startAnn } from "../../src/convert/ann.ts";
import { parseOnnx } from "../../src/convert/onnx/read.ts";
import { onnxModel } from "./onnx_models.ts";

const model = onnxModel({ input: [1, 1, 1, 1], nodes: [["Relu", ["x"], ["y"]]], outputs: ["y"] });
await using _ann = await startAnn(await parseOnnx(model, "warm-up"), { name: "x", dims: [1, 1, 1, 1] }, ["y"]);
