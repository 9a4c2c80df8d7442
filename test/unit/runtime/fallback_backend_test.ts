/** Goal: the stand-in runs exactly the frames that the first back end could not, and every frame says who ran it. */

import assert from "node:assert/strict";
import { BackendError } from "../../../src/core/errors.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { createRandom } from "../../../src/core/random.ts";
import type { Backend } from "../../../src/ports/backend.ts";
import { createFallbackBackend } from "../../../src/runtime/fallback_backend.ts";
import { randomNetwork } from "../../support/random_network.ts";

const NETWORK = randomNetwork(createRandom(1));

/** A back end that fails with each of `codes` in turn, then works. */
function scripted(name: Backend["name"], codes: (string | null)[]): Backend & { runs: number } {
  const backend = {
    name,
    network: NETWORK,
    runs: 0,
    run() {
      backend.runs++;
      const code = codes.shift() ?? null;
      return code === null ? Promise.resolve() : Promise.reject(new BackendError(code, `no: ${code}`));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return backend;
}

Deno.test("createFallbackBackend() runs what fails on the second, and says which ran it", async () => {
  const board = scripted("loihi", [null, "backend.failed", "backend.lost", null]);
  const simulator = scripted("simulator", []);
  const switches: string[] = [];
  const backend = createFallbackBackend(board, simulator, (ranBy, reason) => switches.push(`${ranBy}: ${reason}`));
  const ran: (string | undefined)[] = [];
  for (let frame = 0; frame < 4; frame++) {
    await backend.run(new Int16Array(0), createInferenceOutput(NETWORK));
    ran.push(backend.ranBy);
  }
  assert.deepEqual(ran, ["loihi", "simulator", "simulator", "loihi"]);
  assert.deepEqual(switches, ["simulator: no: backend.failed", "loihi: null"]);
  assert.deepEqual([board.runs, simulator.runs], [4, 2]);
});

Deno.test("createFallbackBackend() passes on what is the caller's own fault", async () => {
  for (const code of ["backend.shape", "backend.closed", "backend.busy"]) {
    const simulator = scripted("simulator", []);
    const backend = createFallbackBackend(scripted("loihi", [code]), simulator);
    await assert.rejects(backend.run(new Int16Array(0), createInferenceOutput(NETWORK)), { code });
    assert.equal(simulator.runs, 0);
  }
});
