/** Random networks on random small cores: what the image says is legal, counted anew from its arrays; and images survive bytes. */

import assert from "node:assert/strict";
import * as fc from "fast-check";
import { EdgeError } from "../../src/core/errors.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shape.ts";
import type { Board } from "../../src/loihi/board.ts";
import { createChip } from "../../src/loihi/chip/chip_fast.ts";
import { compileForBoard } from "../../src/loihi/compile/compile.ts";
import type { BoardImage } from "../../src/loihi/compile/image.ts";
import { readImage } from "../../src/loihi/compile/image_file.ts";
import { costOf } from "../../src/loihi/compile/synapse_words.ts";
import { testBoard } from "../support/loihi.ts";
import { randomNetwork } from "../support/random_network.ts";

Deno.test("every image is legal on its board, or refused by name", () => {
  let legal = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = createRandom(seed);
      const board = randomBoard(random);
      const image = tryCompile(seed, board);
      if (image === null) return;
      legal++;
      assert.ok(image.cores.length <= board.chips * board.coresPerChip);
      image.cores.forEach((_, core) => checkCore(image, board, core));
      assert.deepEqual(readImage(image.bytes, "image"), image);
    }),
    { numRuns: 100 },
  );
  assert.ok(legal > 50, `${legal} were legal`);
});

Deno.test("damaged images are refused with a typed error or read as another image", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      (seed, damages) => {
        const image = tryCompile(seed, testBoard());
        if (image === null) return;
        const bytes = image.bytes.slice();
        for (const [position, value] of damages) bytes[position % bytes.length] = value;
        try {
          const read = readImage(bytes, "image");
          // What was let in must run.
          createChip(read).run(new Int16Array(sizeOf(read.inputShape)));
        } catch (error) {
          assert.ok(error instanceof EdgeError, String(error));
        }
      },
    ),
    { numRuns: 200 },
  );
});

// ---------------------------------------------------------------------------------------------------------------------

function randomBoard(random: Random): Board {
  const board = testBoard();
  const limits = {
    ...board.limits,
    compartments: 12 + random.integer(200),
    inputAxons: 60 + random.integer(1000),
    outputAxons: 200 + random.integer(1000),
    synapseWords: 60 + random.integer(2000),
    synapseWordsPerAxon: 16 + random.integer(241),
  };
  return { ...board, chips: 1 + random.integer(3), coresPerChip: 4 + random.integer(60), limits };
}

function tryCompile(seed: number, board: Board): BoardImage | null {
  try {
    return compileForBoard(randomNetwork(createRandom(seed), { tMax: 16, convention: "quartz-loihi" }), board);
  } catch (error) {
    assert.ok(error instanceof EdgeError, String(error));
    assert.ok(error.code === "loihi.fit" || error.code === "loihi.range", error.code);
    return null;
  }
}

/** Counts a core's resources from the arrays alone. */
function checkCore(image: BoardImage, { limits }: Board, core: number): void {
  const { firstCompartment, compartments, use } = image.cores[core];
  assert.ok(compartments <= limits.compartments && compartments === use.compartments);
  const axons = [...image.axonCores.keys()].filter((axon) => image.axonCores[axon] === core);
  assert.ok(axons.length <= limits.inputAxons && axons.length === use.inputAxons);
  const listSets = new Map<number, number>();
  for (const axon of axons) listSets.set(image.axonFirstLists[axon], image.axonAtoms[axon]);
  let words = 0;
  for (const [first, atoms] of listSets) {
    const costs = Array.from({ length: atoms }, (_, atom) => costOf(listOf(image, first + atom), limits).words);
    for (const cost of costs) assert.ok(cost <= limits.synapseWordsPerAxon, `${cost} words behind one axon`);
    words += Math.max(...costs) * atoms;
  }
  assert.equal(words, use.synapseWords);
  assert.ok(words <= limits.synapseWords);
  const thresholds = new Set(image.thresholds.subarray(firstCompartment, firstCompartment + compartments));
  assert.ok(thresholds.size <= limits.thresholdProfiles && thresholds.size === use.thresholdProfiles);
  // A route costs at least one entry; how many more, only the compiler knows.
  const routes = image.routeStarts[firstCompartment + compartments] - image.routeStarts[firstCompartment];
  assert.ok(routes <= use.outputAxons && use.outputAxons <= limits.outputAxons);
}

function listOf(image: BoardImage, list: number) {
  const [from, to] = [image.listStarts[list], image.listStarts[list + 1]];
  return {
    targets: Int32Array.from(image.synapseTargets.subarray(from, to)),
    mantissas: Int32Array.from(image.synapseMantissas.subarray(from, to)),
    exponents: Int32Array.from(image.synapseExponents.subarray(from, to)),
    delays: Int32Array.from(image.synapseDelays.subarray(from, to)),
  };
}
