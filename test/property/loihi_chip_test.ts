/** Random small networks of every layer kind: the fast chip against the literal one, and both against the simulator's reference kernel. */

import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createInferenceOutput } from "../../src/core/results.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { hasNeurons, type Network } from "../../src/core/network.ts";
import { layerFirstSteps } from "../../src/loihi/chip/chip.ts";
import { createChip } from "../../src/loihi/chip/chip_fast.ts";
import { createReferenceChip } from "../../src/loihi/chip/chip_reference.ts";
import { boardNetwork } from "../../src/loihi/compile/board_network.ts";
import { compileForBoard } from "../../src/loihi/compile/compile.ts";
import { AUTHORS, EXACT, type Recipe } from "../../src/loihi/compile/recipe.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { testBoard } from "../support/loihi.ts";
import { randomNetwork } from "../support/random_network.ts";

const RECIPES: readonly Recipe[] = [EXACT, AUTHORS, { ...EXACT, silence: "refractory" }, {
  ...AUTHORS,
  silence: "refractory",
}];
/** A board with small cores, so that layers are cut. */
const SMALL_CORES = { ...testBoard(), chips: 100, limits: { ...testBoard().limits, compartments: 37 } };

Deno.test("the fast chip equals the literal one in every spike and counter", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = createRandom(seed);
      const network = drawNetwork(random);
      const recipe = RECIPES[random.integer(RECIPES.length)];
      const image = compileForBoard(network, random.next() < 0.5 ? testBoard() : SMALL_CORES, { recipe });
      const fast = createChip(image);
      const literal = createReferenceChip(image);
      for (let frame = 0; frame < 2; frame++) {
        const levels = randomLevels(network, random);
        fast.run(levels);
        literal.run(levels);
        assert.deepEqual(fast.firstSteps, literal.firstSteps);
        assert.deepEqual(fast.spikeCounts, literal.spikeCounts);
        assert.deepEqual(fast.counters, literal.counters);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("the chip spikes when the simulator says, in every layer, unless a register left its range", () => {
  let compared = 0;
  let left = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = createRandom(seed);
      const network = drawNetwork(random);
      const chip = createChip(compileForBoard(network, SMALL_CORES));
      const kernel = createReferenceKernel(boardNetwork(network));
      const output = createInferenceOutput(network);
      const levels = randomLevels(network, random);
      chip.run(levels);
      kernel.run(levels, output);
      const { qOverflows, uOverflows, vClips, lateNeurons, silentNeurons } = chip.counters;
      assert.equal(silentNeurons, 0, "every neuron fires");
      const signed = network.layers.some((layer) => "rectify" in layer && !layer.rectify);
      assert.ok(lateNeurons === 0 || signed, "only negative levels after read-out can make a neuron late");
      const early = kernelSaturates(network, output.counters.saturatedSpikes, kernel);
      if (qOverflows + uOverflows + vClips + lateNeurons > 0 || early) {
        left++;
        return;
      }
      compared++;
      network.layers.forEach((layer, index) => {
        const { first } = chip.image.layers[index];
        const wanted = kernel.levelsOf(index);
        layerFirstSteps(chip, index).forEach((step, neuron) => {
          // A pixel has no neuron, where a flatten or concat passes the input on.
          if (chip.image.neuronCompartments[first + neuron] < 0) return;
          assert.equal(chip.image.layers[index].zeroStep - step, wanted[neuron], `${layer.name}, neuron ${neuron}`);
        });
      });
    }),
    { numRuns: 150 },
  );
  assert.ok(compared > 2 * left, `${compared} compared, ${left} left the registers' range`);
});

// ---------------------------------------------------------------------------------------------------------------------

/** A random network whose outputs are neurons. */
function drawNetwork(random: Random): Network {
  for (;;) {
    const network = randomNetwork(random, { tMax: 2 + random.integer(31), convention: "quartz-loihi" });
    if (!passesInput(network, network.layers.length - 1)) return network;
  }
}

/** True when a layer's values are, at least in part, the network's input. */
function passesInput(network: Network, index: number): boolean {
  if (index < 0) return true;
  const layer = network.layers[index];
  return !hasNeurons(layer) && layer.inputs.some((input) => passesInput(network, input));
}

function randomLevels(network: Network, random: Random): Int16Array {
  return Int16Array.from({ length: sizeOf(network.input.shape) }, () => random.integer(network.tMax + 1));
}

/** True when a spike came before the next layer's window opens: there the simulator cuts the level, and the board cannot. */
function kernelSaturates(network: Network, count: number, kernel: { levelsOf(layer: number): Int16Array }): boolean {
  return count > 0 &&
    network.layers.some((_, layer) => kernel.levelsOf(layer).some((level) => level >= 2 * network.tMax));
}
