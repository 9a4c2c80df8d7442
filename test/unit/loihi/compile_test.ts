import assert from "node:assert/strict";
import type { Layer } from "../../../src/core/network.ts";
import { BackendError, ModelError } from "../../../src/core/errors.ts";
import { createChip } from "../../../src/loihi/chip/chip_fast.ts";
import { layerFirstSteps } from "../../../src/loihi/chip/chip.ts";
import { compileForBoard, compileWithRanges } from "../../../src/loihi/compile/compile.ts";
import { readImage } from "../../../src/loihi/compile/image_file.ts";
import { countRanges } from "../../../src/loihi/compile/ranges.ts";
import { formatReport } from "../../../src/loihi/compile/report.ts";
import { AUTHORS, EXACT } from "../../../src/loihi/compile/recipe.ts";
import { authorsMnistNetwork, boardEncoder, mnistTestSet, testBoard } from "../../support/loihi.ts";
import { makeNetwork } from "../../support/networks.ts";

/** One dense layer over a row of pixels. */
function dense(
  weights: readonly number[],
  bias: readonly number[],
  options: { tMax?: number; rectify?: boolean } = {},
) {
  const inputs = weights.length / bias.length;
  const layer: Layer = {
    kind: "dense",
    name: "dense",
    inputs: [-1],
    shape: [bias.length, 1, 1],
    weights: Float32Array.from(weights),
    bias: Float32Array.from(bias),
    scale: 1,
    rectify: options.rectify ?? true,
  };
  return makeNetwork({
    layers: [layer],
    tMax: options.tMax ?? 16,
    convention: "quartz-loihi",
    input: { shape: [1, 1, inputs], color: "grey", mean: [0], std: [1] },
  });
}

Deno.test("the authors' MNIST network takes at most 12 cores and no core exceeds a limit", () => {
  const board = testBoard();
  for (const recipe of [EXACT, AUTHORS]) {
    const image = compileForBoard(authorsMnistNetwork(16), board, { recipe });
    assert.ok(image.cores.length <= 12, `${image.cores.length} cores`);
    for (const { use } of image.cores) {
      let limit: keyof typeof use;
      for (limit in use) assert.ok(use[limit] <= board.limits[limit], `${limit}: ${use[limit]}`);
    }
  }
});

Deno.test("compiling is deterministic, and an image survives its bytes", () => {
  const network = authorsMnistNetwork(16);
  const image = compileForBoard(network, testBoard());
  assert.equal(compileForBoard(network, testBoard()).sha256, image.sha256);
  const read = readImage(image.bytes, "image");
  assert.deepEqual(read, image);
  assert.notEqual(compileForBoard(network, testBoard(), { recipe: AUTHORS }).sha256, image.sha256);
});

Deno.test("an image whose indices point outside is refused", () => {
  const image = compileForBoard(dense([0.5, 0.25], [0.1]), testBoard());
  const text = new TextDecoder("latin1").decode(image.bytes);
  // A threshold beyond 17 bits: the first element of the first tensor.
  const bytes = image.bytes.slice();
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  bytes.fill(0x7f, 8 + header, 8 + header + 4);
  assert.throws(() => readImage(bytes, "image"), (error) => {
    assert.ok(error instanceof BackendError && error.code === "loihi.image");
    assert.ok(error.issues.some((issue) => issue.where === "thresholds"));
    return true;
  });
  const renamed = new Uint8Array([...text.replace("weightUnit", "weightunit")].map((c) => c.charCodeAt(0)));
  assert.throws(() => readImage(renamed, "image"), BackendError);
  assert.throws(() => readImage(bytes.subarray(0, 100), "image"), ModelError);
});

Deno.test("what does not fit is refused with layer, limit, needed and available", () => {
  const board = testBoard();
  const fit = (network: Parameters<typeof compileForBoard>[0], changed: typeof board) => {
    try {
      compileForBoard(network, changed);
    } catch (error) {
      assert.ok(error instanceof BackendError && error.code === "loihi.fit");
      return error.facts;
    }
    assert.fail("it must not fit");
  };
  const small = { ...board, limits: { ...board.limits, synapseWords: 50 } };
  // Two neurons and many different pairs of weights, so that few sources can share a list.
  const weights = Array.from({ length: 1800 }, (_, i) => ((i * 37) % 127 - 63) / 128);
  const wide = dense(weights, [0, 0]);
  const facts = fit(wide, small);
  assert.deepEqual([facts.layer, facts.limit, facts.available], ["dense", "synapseWords", 50]);
  assert.ok(Number(facts.needed) > 50);
  const few = { ...board, chips: 1, coresPerChip: 3 };
  assert.deepEqual(fit(authorsMnistNetwork(16), few), { layer: "conv1", limit: "cores", needed: 7, available: 3 });
});

Deno.test("numbers beyond the registers are refused, layer by layer", () => {
  const refused = (network: Parameters<typeof compileForBoard>[0]) => {
    try {
      compileForBoard(network, testBoard());
    } catch (error) {
      assert.ok(error instanceof ModelError && error.code === "loihi.range");
      return error.issues;
    }
    assert.fail("it must be refused");
  };
  assert.equal(refused(dense([0.5], [0], { tMax: 512 }))[0].where, 'layer "dense"');
  assert.equal(refused(dense([200], [0])).length, 2);
});

Deno.test("large weights take a larger exponent and need no rescaling", () => {
  const network = dense([3, -1.5, 0.25, 0.25], [0]);
  const chip = createChip(compileForBoard(network, testBoard()));
  chip.run(Int16Array.of(6, 10, 4, 8));
  // 3·6 − 1.5·10 + 0.25·(4 + 8) = 6 levels; without early spikes the layer answers at zeroStep − 6.
  const [step] = layerFirstSteps(chip, 0);
  assert.ok(chip.image.layers[0].zeroStep - step >= 6);
  assert.ok(
    chip.image.synapseExponents.some((exponent, i) =>
      exponent > 0 && exponent < 6 && chip.image.synapseMantissas[i] !== 128
    ),
  );
});

Deno.test("the authors' bias comes one step early from the second layer on", () => {
  const first = dense([1], [0]).layers[0];
  const second: Layer = { ...first, name: "second", inputs: [0], bias: Float32Array.of(0.5) } as Layer;
  const network = { ...dense([1], [0]), layers: [first, second] };
  const levelOf = (recipe: typeof EXACT) => {
    const chip = createChip(compileForBoard(network, testBoard(), { recipe }));
    chip.run(Int16Array.of(4));
    return chip.image.layers[1].zeroStep - layerFirstSteps(chip, 1)[0];
  };
  assert.equal(levelOf(EXACT), 4 + 8);
  assert.equal(levelOf({ ...EXACT, bias: "authors" }), 4 + 9);
});

Deno.test("the refractory variant has no synapses onto neurons themselves and the same first spikes", () => {
  const network = authorsMnistNetwork(16);
  const quiet = createChip(compileForBoard(network, testBoard(), { recipe: AUTHORS }));
  const refractory = createChip(
    compileForBoard(network, testBoard(), { recipe: { ...AUTHORS, silence: "refractory" } }),
  );
  assert.ok(refractory.image.synopsControl < quiet.image.synopsControl - 5400);
  const levels = new Int16Array(784);
  boardEncoder(network).encode(mnistTestSet().images.subarray(0, 784), levels);
  quiet.run(levels);
  refractory.run(levels);
  assert.deepEqual(layerFirstSteps(refractory, 0), layerFirstSteps(quiet, 0));
});

Deno.test("the report names every core and the registers' ranges", () => {
  const network = authorsMnistNetwork(16);
  const { image, ranges } = compileWithRanges(network, testBoard());
  const levels = new Int16Array(784);
  boardEncoder(network).encode(mnistTestSet().images.subarray(0, 784), levels);
  const frames = countRanges(createChip(image), [levels]);
  assert.equal(frames.qOverflows + frames.uOverflows, 0);
  for (const { name, q, u } of ranges) assert.ok(q.worst < q.limit && u.worst < u.limit, `${name} could wrap`);
  const text = formatReport(image, testBoard(), ranges, frames);
  assert.match(text, /7 of 4096 cores/);
  assert.match(text, /0\.5 +768 \(75 %\).*conv2 768/);
  assert.match(text, /conv3 +q +\d+ %/);
});
