/**
 * MNIST test-set error of the chip model on the authors' Loihi network, beside what their chip measured. Not part of the tests.
 *
 *   deno run --allow-read --allow-env test/bench/loihi_accuracy.ts [authors|exact] [t_max …]
 */

import process from "node:process";
import { createChip } from "../../src/loihi/chip/chip_fast.ts";
import { outputLevels } from "../../src/loihi/chip/chip.ts";
import { compileForBoard } from "../../src/loihi/compile/compile.ts";
import { AUTHORS, EXACT } from "../../src/loihi/compile/recipe.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createClassification, decode } from "../../src/ttfs/decode.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { authorsMnistNetwork, boardEncoder, mnistTestSet, testBoard } from "../support/loihi.ts";

/** Error of the chip itself, percent, by t_max: biasphic/Quartz-on-Loihi, mnist-EDP-plot.ipynb. */
const CHIP_ERROR: Record<string, number> = { 8: 34.86, 16: 0.77, 32: 0.75, 64: 0.74, 128: 0.72 };

const [recipeName = "authors", ...steps] = process.argv.slice(2);
const recipe = recipeName === "exact" ? EXACT : AUTHORS;
const { images, labels } = mnistTestSet();

for (const tMax of steps.length > 0 ? steps.map(Number) : [16, 32, 64]) {
  const network = authorsMnistNetwork(tMax);
  const image = compileForBoard(network, testBoard(), { recipe });
  const chip = createChip(image);
  const encoder = boardEncoder(network);
  const timing = createTiming("quartz-loihi", tMax);
  const levels = new Int16Array(784);
  const output = new Int16Array(10);
  const result = createClassification(10);
  const total = { wrong: 0, firstStep: 0, ties: 0, overflows: 0, clips: 0, late: 0, silent: 0, repeated: 0 };
  const startUs = systemClock.nowUs();
  for (let i = 0; i < labels.length; i++) {
    encoder.encode(images.subarray(i * 784, (i + 1) * 784), levels);
    chip.run(levels);
    outputLevels(chip, output);
    decode(timing, output, 1, result);
    if (result.index !== labels[i]) total.wrong++;
    if (result.tie) total.ties++;
    total.firstStep += image.layers[image.layers.length - 1].zeroStep - output[result.index];
    total.overflows += chip.counters.qOverflows + chip.counters.uOverflows;
    total.clips += chip.counters.vClips;
    total.late += chip.counters.lateNeurons;
    total.silent += chip.counters.silentNeurons;
    total.repeated += chip.counters.repeatedNeurons;
  }
  const seconds = (systemClock.nowUs() - startUs) / 1e6;
  const error = (100 * total.wrong / labels.length).toFixed(2);
  console.log(
    `${recipeName} t_max ${tMax}: error ${error} % (chip ${CHIP_ERROR[tMax] ?? "?"} %), ` +
      `mean first output step ${
        (total.firstStep / labels.length).toFixed(2)
      } of ${image.frameSteps}, ties ${total.ties}, ` +
      `${image.cores.length} cores, ${(labels.length / seconds).toFixed(0)} frames/s; overflows ${total.overflows}, ` +
      `clipped ${total.clips}, late ${total.late}, silent ${total.silent}, repeated ${total.repeated}`,
  );
}
