/**
 * The loader on mutated network files: whatever the bytes, it answers with a network or a `ModelError`, soon, and without
 * claiming memory that the file does not hold. A network that it accepts can be run.
 */

import assert from "node:assert/strict";
import { createInferenceOutput } from "../../src/core/results.ts";
import { ModelError } from "../../src/core/errors.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { readContainer, writeContainer } from "../../src/model/container.ts";
import { loadNetwork } from "../../src/model/load.ts";
import { saveNetwork } from "../../src/model/save.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { randomLevels } from "../conformance/backend_suite.ts";
import { randomNetwork } from "../support/random_network.ts";

const FILES = 40;
const MUTANTS_PER_FILE = 100;

Deno.test(`loader survives ${FILES * MUTANTS_PER_FILE} mutated network files`, () => {
  let accepted = 0;
  for (let seed = 0; seed < FILES; seed++) {
    const random = createRandom(seed);
    const bytes = withoutChecksum(saveNetwork(randomNetwork(random, { tMax: 4 })));
    for (let mutant = 0; mutant < MUTANTS_PER_FILE; mutant++) {
      try {
        const network = loadNetwork(mutate(random, bytes), "mutant");
        createReferenceKernel(network).run(randomLevels(network, mutant), createInferenceOutput(network));
        accepted++;
      } catch (error) {
        assert.ok(error instanceof ModelError, `seed ${seed}, mutant ${mutant}: ${(error as Error).stack}`);
        assert.ok(
          error.issues.length > 0 && error.issues.every((issue) => issue.expected !== "" && issue.found !== ""),
        );
      }
    }
  }
  // Flips in weights and labels leave a valid file; if none did, the mutations would only ever test the header.
  assert.ok(accepted > 100, `only ${accepted} mutants were still networks`);
});

Deno.test("one flipped bit anywhere in a network file is noticed, unless it changes nothing of the network", () => {
  const random = createRandom(5);
  const whole = saveNetwork(randomNetwork(random, { tMax: 4 }));
  const { digest: _, ...network } = loadNetwork(whole, "whole");
  let harmless = 0;
  for (let flip = 0; flip < 3000; flip++) {
    const bytes = whole.slice();
    const bit = random.integer(8 * bytes.length);
    bytes[bit >> 3] ^= 1 << (bit & 7);
    try {
      const { digest: _, ...flipped } = loadNetwork(bytes, "flipped");
      assert.deepEqual(flipped, network, `bit ${bit}`);
      harmless++;
    } catch (error) {
      assert.ok(error instanceof ModelError, `bit ${bit}: ${error}`);
    }
  }
  assert.ok(harmless < 100, `${harmless} of 3000`); // those in the name of the checksum itself
});

/** So that damage gets past it, to the checks behind. */
function withoutChecksum(bytes: Uint8Array): Uint8Array {
  const { metadata: { quartz }, tensors } = readContainer(bytes, "network");
  return writeContainer({ metadata: { quartz }, tensors });
}

/** One of the ways in which files break: flips, cuts, growth, a digit or word of the header swapped. */
function mutate(random: Random, original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  switch (random.integer(6)) {
    case 0:
      return bytes.slice(0, random.integer(bytes.length));
    case 1: {
      const longer = new Uint8Array(bytes.length + 1 + random.integer(64));
      longer.set(bytes);
      return longer;
    }
    case 2:
      for (let flips = 1 + random.integer(8); flips > 0; flips--) {
        bytes[random.integer(bytes.length)] ^= 1 << random.integer(8);
      }
      return bytes;
    case 3:
      bytes.fill(random.integer(256), random.integer(bytes.length), random.integer(bytes.length));
      return bytes;
    default:
      return mutateHeader(random, bytes);
  }
}

/** Changes digits and words of the JSON header, where most of the meaning is; its length stays. */
function mutateHeader(random: Random, bytes: Uint8Array): Uint8Array {
  const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  for (let changes = 1 + random.integer(3); changes > 0; changes--) {
    const at = 8 + random.integer(end - 8);
    const digit = bytes.subarray(at, end).findIndex((byte) => byte >= 0x30 && byte <= 0x39);
    if (digit >= 0) bytes[at + digit] = 0x30 + random.integer(10);
  }
  return bytes;
}
