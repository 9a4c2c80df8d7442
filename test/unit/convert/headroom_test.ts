/** Which layers get headroom: those that spike early too often, first those whose own input is in order. */

import assert from "node:assert/strict";
import type { SourceGraph, SourceLayer } from "../../../src/convert/graph.ts";
import { moreHeadroom } from "../../../src/convert/headroom.ts";
import { findParts } from "../../../src/convert/parts.ts";

const layer = (name: string, inputs: number[], kind: "dense" | "concat", channels: number): SourceLayer => {
  const base = { name, inputs, shape: [channels, 1, 1] as const, tensor: name, layout: "chw" as const, clip: null };
  if (kind === "concat") return { ...base, kind, relu: false };
  return { ...base, kind, relu: true, weights: new Float64Array(channels), bias: new Float64Array(channels) };
};
const graph: SourceGraph = {
  input: { name: "x", shape: [1, 1, 1], layout: "chw", scale: [1], offset: [0] },
  layers: [
    layer("a", [-1], "dense", 1),
    layer("b", [-1], "dense", 1),
    layer("join", [0, 1], "concat", 2),
    layer("c", [2], "dense", 1),
  ],
  output: "c",
  notes: [],
};
const context = { graph, parts: findParts(graph), percentile: 99.9 };

Deno.test("moreHeadroom() widens what spikes early beyond the percentile, and lets its readers wait", () => {
  assert.equal(moreHeadroom([1, 1, 1, 1], [0.001, 0.002, 0.5, 0.003], context), null);
  assert.deepEqual(moreHeadroom([1, 1, 1, 1], [0.001, 0.01, 0.5, 0.4], context), [1, 1.25, 1, 1]);
  assert.deepEqual(moreHeadroom([1, 2, 1, 1], [0.001, 0.001, 0.5, 0.4], context), [1, 2, 1, 2.5]);
  // What cannot have more holds nobody up.
  assert.deepEqual(moreHeadroom([8, 1, 1, 1], [0.3, 0, 0, 0.04], context), [8, 1, 1, 1.6]);
  assert.equal(moreHeadroom([8, 1, 1, 8], [0.3, 0, 0, 0.3], context), null);
  // A lower percentile puts more values above 1.0 on purpose.
  assert.equal(moreHeadroom([1, 1, 1, 1], [0.02, 0.02, 0, 0.02], { ...context, percentile: 99 }), null);
});
