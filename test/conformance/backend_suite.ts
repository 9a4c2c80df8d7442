/**
 * What every back end must do, whatever is behind it. `open` opens it for a network; spike times are held against the
 * reference kernel unless `exact` is false (a board that runs other integers).
 */

import assert from "node:assert/strict";
import { createRandom, type Random } from "../../src/core/random.ts";
import type { Network } from "../../src/core/network.ts";
import { COUNTER_NAMES, createInferenceOutput } from "../../src/core/results.ts";
import { sizeOf } from "../../src/core/shape.ts";
import type { Backend } from "../../src/ports/backend.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { makeNetwork } from "../support/networks.ts";
import { randomNetwork } from "../support/random_network.ts";

/** How to open the back end under test. */
export interface BackendCase {
  readonly name: string;
  open(network: Network): Promise<Backend>;
  /** The network that it really runs, when it quantises the one it is given. */
  readonly runs?: (network: Network) => Network;
  /** Networks in place of random ones of every kind, when the back end cannot run all of those spike for spike. */
  readonly draw?: (random: Random) => Network;
  /** Counters that this back end does not count, with the reason; `earlySpikesByLayer` too. */
  readonly uncounted?: { readonly names: readonly string[]; readonly reason: string };
}

/** Registers the suite for one back end. */
export function testBackend(backendCase: BackendCase): void {
  const { name, open, runs = (network) => network, draw = randomNetwork } = backendCase;
  const skipped = new Set(["runUs", ...(backendCase.uncounted?.names ?? [])]);

  Deno.test(`${name}: answers equal the reference kernel's, counters included`, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = createRandom(seed);
      const network = draw(random);
      await using backend = await open(network);
      const kernel = createReferenceKernel(runs(network));
      const expected = createInferenceOutput(network);
      const output = createInferenceOutput(network);
      for (let frame = 0; frame < 4; frame++) {
        const input = randomLevels(network, seed * 100 + frame);
        kernel.run(input, expected);
        await backend.run(input, output);
        assert.deepEqual(output.levels, expected.levels, `seed ${seed}, frame ${frame}`);
        if (!skipped.has("earlySpikesByLayer")) {
          assert.deepEqual(output.earlySpikesByLayer, expected.earlySpikesByLayer, `seed ${seed}, frame ${frame}`);
        }
        for (const counter of COUNTER_NAMES) {
          if (!skipped.has(counter)) {
            assert.equal(output.counters[counter], expected.counters[counter], `seed ${seed}: ${counter}`);
          }
        }
      }
    }
  });

  Deno.test(`${name}: a frame leaves nothing behind for the next one`, async () => {
    const network = draw(createRandom(7));
    await using backend = await open(network);
    const first = createInferenceOutput(network);
    const again = createInferenceOutput(network);
    await backend.run(randomLevels(network, 1), first);
    await backend.run(randomLevels(network, 2), createInferenceOutput(network));
    await backend.run(randomLevels(network, 1), again);
    assert.deepEqual(again.levels, first.levels);
  });

  Deno.test(`${name}: the caller may change its input as soon as run() has returned a promise that settled`, async () => {
    const network = draw(createRandom(8));
    await using backend = await open(network);
    const input = randomLevels(network, 1);
    const output = createInferenceOutput(network);
    await backend.run(input, output);
    const expected = output.levels.slice();
    input.fill(0);
    assert.deepEqual(output.levels, expected);
  });

  Deno.test(`${name}: a second run while one is under way is refused and does not disturb it`, async () => {
    const network = draw(createRandom(9));
    await using backend = await open(network);
    const running = backend.run(randomLevels(network, 1), createInferenceOutput(network));
    await assert.rejects(backend.run(randomLevels(network, 2), createInferenceOutput(network)), {
      code: "backend.busy",
    });
    await running;
  });

  Deno.test(`${name}: an input of the wrong length is refused by name`, async () => {
    const network = makeNetwork({
      layers: [{
        kind: "max_pool",
        name: "out",
        inputs: [-1],
        shape: [1, 1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0, 0, 0],
      }],
    });
    await using backend = await open(network);
    await assert.rejects(backend.run(new Int16Array(5), createInferenceOutput(network)), {
      code: "backend.shape",
      message: /must have 1 levels: found 5/,
    });
    await backend.run(new Int16Array(1), createInferenceOutput(network));
  });

  Deno.test(`${name}: dispose ends a run under way and refuses later ones, twice without harm`, async () => {
    const network = draw(createRandom(10));
    const backend = await open(network);
    const running = assert.rejects(backend.run(randomLevels(network, 1), createInferenceOutput(network)), {
      code: "backend.closed",
    });
    await backend[Symbol.asyncDispose]();
    await running;
    await assert.rejects(backend.run(randomLevels(network, 1), createInferenceOutput(network)), {
      code: "backend.closed",
    });
    await backend[Symbol.asyncDispose]();
  });
}

/** Levels as the network's encoder could give them, many of them 0. */
export function randomLevels(network: Network, seed: number): Int16Array {
  const random = createRandom(seed);
  const { unit } = createTiming(network.convention, network.tMax);
  return Int16Array.from(
    { length: sizeOf(network.input.shape) },
    () => (random.next() < 0.4 ? 0 : random.integer(unit + 1)),
  );
}
