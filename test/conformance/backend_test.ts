/** The back ends of this project, held to one suite. */

import { dequantise, quantise } from "../../src/model/quantise.ts";
import { openSimulator } from "../../src/simulator/simulator.ts";
import { openBoardBackend, UNCOUNTED_BY_BOARDS } from "../../src/loihi/board_backend.ts";
import { boardNetwork } from "../../src/loihi/compile/board_network.ts";
import { randomNetwork } from "../support/random_network.ts";
import { createFallbackBackend } from "../../src/runtime/fallback_backend.ts";
import { openMemoryTwin } from "../support/twin.ts";
import { testBackend } from "./backend_suite.ts";

testBackend({
  name: "simulator, reference kernel",
  open: (network) => openSimulator(network, { kind: "reference" }),
});

for (const [weightBits, threads] of [[8, 1], [16, 1], [8, 2]] as const) {
  testBackend({
    name: `simulator, ${weightBits}-bit kernel, ${threads === 1 ? "1 thread" : `${threads} threads`}`,
    open: (network) => openSimulator(network, { kind: "fast", weightBits }, { threads }),
    runs: (network) => dequantise(quantise(network, weightBits)),
    uncounted: {
      names: ["synopsReference", "operations", "memoryReads", "memoryWrites"],
      reason: "the integer kernels never form the current of a single step",
    },
  });
}

for (const framing of ["length", "cobs"] as const) {
  testBackend({
    name: `twin of a board behind its link, ${framing} framing`,
    async open(network) {
      const twin = openMemoryTwin(framing);
      const backend = await openBoardBackend(network, {
        ...twin.options,
        mustConnect: true,
      });
      return {
        name: backend.name,
        network: backend.network,
        run: (input, output) => backend.run(input, output),
        async [Symbol.asyncDispose]() {
          await backend[Symbol.asyncDispose]();
          await twin[Symbol.asyncDispose]();
        },
      };
    },
    runs: boardNetwork,
    // A level below 0 reaches the next layer after its read-out, and one beyond 2 · t_max before its window: the simulator
    // cuts both, and chips cannot. Rectified layers and small weights have neither.
    draw(random) {
      const network = randomNetwork(random, {
        weightMax: 0.25,
        kinds: ["conv2d", "dense", "max_pool", "avg_pool"],
      });
      const layers = network.layers.map((layer) => "rectify" in layer ? { ...layer, rectify: true } : layer);
      return { ...network, layers };
    },
    uncounted: {
      names: [...UNCOUNTED_BY_BOARDS, "earlySpikesByLayer"],
      reason: "a board reports its outputs and its own totals, not single spikes inside it",
    },
  });
}

testBackend({
  name: "simulator that stands in for a board that is away",
  async open(network) {
    const twin = openMemoryTwin("length");
    twin.setAway(true);
    const board = await openBoardBackend(network, {
      ...twin.options,
      awayWaitMs: 0,
    });
    return createFallbackBackend(
      board,
      await openSimulator(board.network, { kind: "reference" }),
    );
  },
  runs: boardNetwork,
});
