import assert from "node:assert/strict";
import * as fc from "fast-check";
import { GRID_WEIGHT_MAX, PAIR_MAX, splitPair, toGrid, toSynapse } from "../../src/loihi/compile/mantissas.ts";

Deno.test("every weight within range has one synapse, with an even mantissa, near it", () => {
  fc.assert(fc.property(fc.double({ min: -120, max: 120, noNaN: true }), (weight) => {
    const grid = toGrid(weight, 256, "nearest");
    const synapse = toSynapse(grid);
    assert.ok(synapse !== null);
    assert.equal(Math.abs(synapse.mantissa % 2), 0);
    assert.ok(Math.abs(synapse.mantissa) <= 254 && synapse.exponent >= 0 && synapse.exponent <= 7);
    assert.equal(synapse.mantissa * 2 ** synapse.exponent, grid);
    assert.ok(
      Math.abs(grid - weight * 256) <= 2 ** synapse.exponent || Math.abs(weight * 256) > 254,
      `${weight}: ${grid}`,
    );
    assert.ok(Math.abs(grid / 256 - weight) <= Math.max(1 / 256, Math.abs(weight) / 120), "relative error of 7 bits");
  }));
});

Deno.test("weights beyond every exponent have no synapse", () => {
  assert.equal(toGrid(GRID_WEIGHT_MAX / 256 + 1, 256, "nearest"), Infinity);
  assert.equal(toSynapse(Infinity), null);
  assert.equal(toSynapse(3), null);
});

Deno.test("a pair expresses every even weight up to its maximum", () => {
  for (let grid = -PAIR_MAX; grid <= PAIR_MAX; grid += 2) {
    const pair = splitPair(grid);
    assert.equal(pair.reduce((sum, { mantissa, exponent }) => sum + mantissa * 2 ** exponent, 0), grid);
    assert.ok(pair.every(({ mantissa }) => mantissa % 2 === 0 && Math.abs(mantissa) <= 254));
  }
});
