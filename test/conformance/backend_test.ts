/** The back ends of this project, held to one suite. */

import { dequantise, quantise } from "../../src/model/quantise.ts";
import { openSimulator } from "../../src/simulator/simulator.ts";
import { testBackend } from "./backend_suite.ts";

testBackend({
  name: "simulator, reference kernel",
  open: (network) => openSimulator(network, { kind: "reference" }),
});

for (const weightBits of [8, 16] as const) {
  testBackend({
    name: `simulator, ${weightBits}-bit kernel`,
    open: (network) => openSimulator(network, { kind: "fast", weightBits }),
    runs: (network) => dequantise(quantise(network, weightBits)),
    uncounted: {
      names: ["synopsReference", "operations", "memoryReads", "memoryWrites"],
      reason: "the integer kernels never form the current of a single step",
    },
  });
}
