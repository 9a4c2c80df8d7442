/** Weights on a power-of-two grid. */

import assert from "node:assert/strict";
import { dequantise, isOnGrid, quantise, quantiseReport } from "../../../src/model/quantise.ts";
import { goldenMnistNetwork } from "../../support/networks.ts";

Deno.test("quantise() uses the finest grid on which a layer's largest weight fits", () => {
  const network = goldenMnistNetwork();
  for (const bits of [8, 16] as const) {
    const limit = 2 ** (bits - 1) - 1;
    quantise(network, bits).grids.forEach((grid, index) => {
      const layer = network.layers[index];
      if (grid === null) return assert.ok(!("weights" in layer));
      assert.ok("weights" in layer);
      const largest = layer.weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
      assert.ok(Math.round(largest * 2 ** grid.exponent) <= limit, `${layer.name} fits`);
      assert.ok(Math.round(largest * 2 ** (grid.exponent + 1)) > limit, `${layer.name} would not fit a finer grid`);
    });
  }
});

Deno.test("quantise() of a dequantised network changes nothing", () => {
  const quantised = quantise(goldenMnistNetwork(), 8);
  const again = quantise(dequantise(quantised), 8);
  quantised.grids.forEach((grid, index) => {
    if (grid === null) return;
    const second = again.grids[index]!;
    // The largest may now fit a finer grid; the values stay.
    const ratio = 2 ** (second.exponent - grid.exponent);
    assert.deepEqual(second.integers, grid.integers.map((integer) => integer * ratio));
  });
});

Deno.test("quantiseReport() says what a layer lost: at most half a step of its grid", () => {
  for (const layer of quantiseReport(goldenMnistNetwork(), 8)) {
    assert.ok(layer.errorMax <= 2 ** -layer.exponent / 2, layer.name);
    assert.ok(layer.snrDb > 30, layer.name);
    assert.ok(layer.zeroed < 0.1, layer.name);
  }
});

Deno.test("isOnGrid() holds for weights that quantising leaves alone, and for no others", () => {
  const onGrid = Float64Array.of(127 / 512, -1 / 512, 0);
  assert.ok(isOnGrid(onGrid, 8));
  assert.ok(!isOnGrid(Float64Array.of(128 / 512, -1 / 512), 8), "one step too many");
  assert.ok(isOnGrid(Float64Array.of(128 / 512, -1 / 512), 16));
  assert.ok(!isOnGrid(Float64Array.of(1 / 3, 1), 16));
  assert.ok(isOnGrid(new Float32Array(3), 8), "zeros");
});
