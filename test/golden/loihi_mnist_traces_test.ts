/** The chip model against the published Loihi network: SHA-1 of every layer's first-spike steps, images 0 to 7, t_max 16 and 32. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Network } from "../../src/core/network.ts";
import { createChip } from "../../src/loihi/chip/chip_fast.ts";
import { createReferenceChip } from "../../src/loihi/chip/chip_reference.ts";
import { type Chip, layerFirstSteps } from "../../src/loihi/chip/chip.ts";
import { compileForBoard } from "../../src/loihi/compile/compile.ts";
import { AUTHORS } from "../../src/loihi/compile/recipe.ts";
import { authorsMnistNetwork, boardEncoder, mnistTestSet, testBoard } from "../support/loihi.ts";
import { readVectors } from "../support/vectors.ts";

interface TraceCase {
  readonly tmax: number;
  readonly image: number;
  readonly pred: number;
  readonly out_first_spike: number[];
  readonly layers: string[];
  readonly layer_sha1: string[];
}

const CASES: TraceCase[] = JSON.parse(new TextDecoder().decode(readVectors("loihi-mnist-traces.json"))).cases;
/** Our layer of each golden one. */
const LAYERS = [0, 1, 2, 3, 4, 6];

for (const tMax of [16, 32]) {
  Deno.test(`chip models equal the published traces at t_max ${tMax}`, () => {
    const network = authorsMnistNetwork(tMax);
    const image = compileForBoard(network, testBoard(), { recipe: AUTHORS });
    assert.equal(image.frameSteps, 5 * tMax + 11);
    assert.ok(image.cores.length <= 12, `${image.cores.length} cores`);
    const cases = CASES.filter((one) => one.tmax === tMax);
    assert.equal(cases.length, 8);
    const fast = createChip(image);
    for (const one of cases) compare(fast, network, one);
    // The literal chip is slow, and held against the fast one elsewhere.
    compare(createReferenceChip(image), network, cases[0]);
  });
}

function compare(chip: Chip, network: Network, one: TraceCase): void {
  const { images } = mnistTestSet();
  const levels = new Int16Array(784);
  boardEncoder(network).encode(images.subarray(one.image * 784, (one.image + 1) * 784), levels);
  chip.run(levels);
  assert.deepEqual([...layerFirstSteps(chip, 6)], one.out_first_spike, `image ${one.image}: output`);
  LAYERS.forEach((layer, i) => {
    const steps = layerFirstSteps(chip, layer);
    const sha1 = createHash("sha1").update(new Uint8Array(steps.buffer)).digest("hex");
    assert.equal(sha1, one.layer_sha1[i], `image ${one.image}: ${one.layers[i]}`);
  });
  assert.equal(chip.counters.qOverflows + chip.counters.uOverflows + chip.counters.vClips, 0, "overflows");
}
