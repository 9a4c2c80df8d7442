/** Weights that were trained on a power-of-two grid reach the simulator as they are; other networks keep their scales. */

import assert from "node:assert/strict";
import { buildLayers } from "../../../src/convert/build.ts";
import { createDistribution } from "../../../src/convert/distribution.ts";
import type { SourceGraph, SourceLayer } from "../../../src/convert/graph.ts";
import { keepGrid } from "../../../src/convert/keep_grid.ts";
import { chooseScales, type Scales } from "../../../src/convert/scales.ts";
import { planShifts } from "../../../src/convert/shifts.ts";

const GRID = Float64Array.of(127 / 256, -3 / 256, 0, 64 / 256);
const OFF_GRID = Float64Array.of(0.3, -1 / 3, 0.1, 0.7);

Deno.test("keepGrid() moves a scale to a power of two times its input's, a little and for such weights only", () => {
  assert.equal(keepGrid(GRID, [1], 1.04), 1);
  assert.equal(keepGrid(GRID, [1], 0.96), 1);
  assert.equal(keepGrid(GRID, [3, 3], 5.9), 6);
  assert.equal(keepGrid(GRID, [8], 0.99), 1);
  assert.equal(keepGrid(GRID, [1], 1.07), 1.07, "too far away");
  assert.equal(keepGrid(GRID, [1], 1.41), 1.41, "between two");
  assert.equal(keepGrid(GRID, [1, 1.5], 1.04), 1.04, "inputs of several scales");
  assert.equal(keepGrid(OFF_GRID, [1], 1.04), 1.04, "no grid to keep");
  assert.equal(keepGrid(GRID, [1], 0), 0, "a dead layer is told elsewhere");
});

const dense = (name: string, input: number, weights: Float64Array, relu: boolean): SourceLayer => ({
  kind: "dense",
  name,
  inputs: [input],
  shape: [2, 1, 1],
  tensor: name,
  layout: "chw",
  clip: null,
  relu,
  weights,
  bias: Float64Array.of(0.25, -0.125),
});

/** Two layers whose outputs reach a little above 1 and 4. */
function convertPair(weights: Float64Array): { scales: Scales; coded: Float32Array[] } {
  const graph: SourceGraph = {
    input: { name: "x", shape: [2, 1, 1], layout: "chw", scale: [1, 1], offset: [0, 0] },
    layers: [dense("a", -1, weights, true), dense("b", 0, weights, false)],
    output: "b",
    notes: [],
  };
  const plan = planShifts(graph, []);
  const distributions = [1.03, 4.1].map((largest) => {
    const values = createDistribution();
    values.add(Float32Array.of(0.1, largest));
    return values;
  });
  const options = { percentile: 100, unit: 15, biasMax: 2 };
  const scales = chooseScales(graph, plan, { distributions, bestScores: distributions[1] }, options, []);
  const { layers } = buildLayers(graph, plan, scales, 15);
  return { scales, coded: layers.map((layer) => "weights" in layer ? layer.weights : new Float32Array()) };
}

Deno.test("a network on a grid is built with its own weights, times powers of two, and says so", () => {
  const { scales, coded } = convertPair(GRID);
  assert.deepEqual(scales.scale, [1, 4]);
  assert.deepEqual(coded, [Float32Array.from(GRID), Float32Array.from(GRID, (weight) => weight / 4)]);
  assert.equal(scales.notes.length, 2);
  assert.match(scales.notes[0], /^a: scale 1\.030 became 1\.000, so that weights keep their grid$/);
});

Deno.test("other networks keep the scales of their percentiles", () => {
  const { scales } = convertPair(OFF_GRID);
  assert.deepEqual(scales.scale, [1.03, 4.1].map(Math.fround));
  assert.deepEqual(scales.notes, []);
});
