import assert from "node:assert/strict";
import { createDistribution } from "../../../src/convert/distribution.ts";
import { createRandom } from "../../../src/core/random.ts";

/** numpy's percentile, by its definition. */
function exactPercentile(values: number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = percent / 100 * (sorted.length - 1);
  const below = Math.floor(rank);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - below);
}

Deno.test("percentile() is exact while numbers are kept and within 1/512 when they are counted", () => {
  const random = createRandom(3);
  const shapes: [string, () => number][] = [
    ["uniform", () => random.between(-1, 1)],
    ["wide", () => Math.exp(random.between(-20, 20)) * (random.next() < 0.5 ? -1 : 1)],
    ["mostly zero", () => (random.next() < 0.9 ? 0 : random.next())],
    ["one value", () => 3.25],
  ];
  for (const [name, next] of shapes) {
    const values = Array.from({ length: 5000 }, () => Math.fround(next()));
    const kept = createDistribution(5000);
    const counted = createDistribution(100);
    for (let i = 0; i < values.length; i += 50) {
      assert.equal(kept.add(Float32Array.from(values.slice(i, i + 50))), -1);
      assert.equal(counted.add(Float32Array.from(values.slice(i, i + 50))), -1);
    }
    for (const percent of [0, 0.1, 5, 50, 97, 99, 99.9, 100]) {
      const wanted = exactPercentile(values, percent);
      assert.equal(kept.percentile(percent), wanted, `${name}, percentile ${percent}`);
      const error = Math.abs(counted.percentile(percent) - wanted);
      // A percentile between two far-apart numbers may fall anywhere between them.
      const near = [percent - 0.03, percent + 0.03].map((p) => exactPercentile(values, Math.min(100, Math.max(0, p))));
      const gap = Math.max(...near.map((value) => Math.abs(value - wanted)));
      assert.ok(
        error <= Math.abs(wanted) / 256 + gap + 1e-40,
        `${name}, percentile ${percent}: off by ${error} of ${wanted}`,
      );
    }
    assert.deepEqual([kept.min, kept.max], [counted.min, counted.max]);
    for (const limit of [-1, 0, 0.5, 1]) {
      const wanted = values.filter((value) => value > limit).length / values.length;
      assert.equal(kept.shareAbove(limit), wanted, `${name} above ${limit}`);
      // The bin at the limit does not count.
      assert.ok(Math.abs(counted.shareAbove(limit) - wanted) < 0.05, `${name} above ${limit}, counted`);
    }
    assert.equal(kept.shareAbove(kept.max), 0);
    const sum = counted.histogram(-1, 1, 10).reduce((total, share) => total + share, 0);
    assert.ok(Math.abs(sum - 1) < 1e-9, "histogram shares add up to 1");
  }
});

Deno.test("add() stops at the first number that is not finite and says where", () => {
  const distribution = createDistribution();
  assert.equal(distribution.add(Float32Array.of(1, 2, NaN, Infinity)), 2);
  assert.equal(distribution.add(Float32Array.of(-Infinity)), 0);
});
