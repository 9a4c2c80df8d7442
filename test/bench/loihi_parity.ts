/**
 * The chip model against the simulator's reference kernel, every neuron of every layer of MNIST test images. Not part of the tests.
 *
 *   deno run --allow-read --allow-env test/bench/loihi_parity.ts [network file | authors] [frames] [t_max …]
 */

import process from "node:process";
import { createInferenceOutput } from "../../src/core/results.ts";
import { layerFirstSteps } from "../../src/loihi/chip/chip.ts";
import { createChip } from "../../src/loihi/chip/chip_fast.ts";
import { boardNetwork } from "../../src/loihi/compile/board_network.ts";
import { compileForBoard } from "../../src/loihi/compile/compile.ts";
import { openNetwork } from "../../src/model/load.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { authorsMnistNetwork, boardEncoder, mnistTestSet, testBoard } from "../support/loihi.ts";

const [name = "authors", frames = "300", ...steps] = process.argv.slice(2);
const { images } = mnistTestSet();

for (const tMax of steps.length > 0 ? steps.map(Number) : [16]) {
  const network = name === "authors" ? authorsMnistNetwork(tMax) : { ...await openNetwork(name), tMax };
  const chip = createChip(compileForBoard(network, testBoard()));
  const kernel = createReferenceKernel(boardNetwork(network));
  const output = createInferenceOutput(network);
  const encoder = boardEncoder(network);
  const levels = new Int16Array(784);
  const wrong = network.layers.map(() => 0);
  let compared = 0;
  for (let frame = 0; frame < Number(frames); frame++) {
    encoder.encode(images.subarray(frame * 784, (frame + 1) * 784), levels);
    chip.run(levels);
    kernel.run(levels, output);
    network.layers.forEach((_, index) => {
      const wanted = kernel.levelsOf(index);
      const { zeroStep } = chip.image.layers[index];
      layerFirstSteps(chip, index).forEach((step, neuron) => {
        compared++;
        if (zeroStep - step !== wanted[neuron]) wrong[index]++;
      });
    });
  }
  const layers = network.layers.map((layer, index) => `${layer.name} ${wrong[index]}`).join(", ");
  console.log(`${name} t_max ${tMax}: ${frames} frames, ${compared} spikes compared; mismatches: ${layers}`);
}
