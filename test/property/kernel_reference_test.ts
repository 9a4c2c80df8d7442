/** The reference kernel against the literal step-by-step recursion, on random small networks of every layer kind. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { createInferenceOutput } from "../../src/core/results.ts";
import { createRandom } from "../../src/core/random.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { randomLevels } from "../conformance/backend_suite.ts";
import { randomNetwork, spikingNeurons } from "../support/random_network.ts";
import { runStepByStep } from "../support/step_recursion.ts";

for (const convention of ["quartz-2023", "quartz-loihi"] as const) {
  Deno.test(`reference kernel equals the step-by-step recursion (${convention}, every layer kind, t_max 2 to 64)`, () => {
    let neurons = 0;
    let early = 0;
    const kinds = new Set<string>();
    const tMaxes = new Set<number>();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
        const network = randomNetwork(createRandom(seed), { convention });
        const input = randomLevels(network, seed);
        const kernel = createReferenceKernel(network);
        const output = createInferenceOutput(network);
        kernel.run(input, output);
        const expected = runStepByStep(network, input);
        network.layers.forEach((layer, index) => {
          assert.deepEqual([...kernel.levelsOf(index)], expected.levels[index], `layer ${index} (${layer.kind})`);
          kinds.add(layer.kind);
        });
        const { levels: _, ...totals } = expected;
        for (const [name, total] of Object.entries(totals)) {
          assert.equal(output.counters[name as keyof typeof totals], total, name);
        }
        neurons += spikingNeurons(network);
        early += output.counters.earlySpikes;
        tMaxes.add(network.tMax);
      }),
      { numRuns: 400, seed: 20230916 },
    );
    // The property is worth little if the hard case hardly occurs.
    assert.ok(early > neurons * 0.05, `only ${early} of ${neurons} spikes were early`);
    assert.equal(kinds.size, 8, `kinds met: ${[...kinds]}`);
    assert.ok(tMaxes.has(2) && tMaxes.has(64) && tMaxes.size > 50, `t_max met: ${tMaxes.size}`);
  });
}
