/** The committed WebAssembly is what its sources make. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { WASM_URL } from "../../../src/simulator/wasm_module.ts";
import { buildWasm } from "../../support/build_wasm.ts";

Deno.test("kernels.wasm is what deno task build:wasm makes of its sources", async () => {
  const committed = readFileSync(WASM_URL);
  const built = await buildWasm();
  assert.ok(Buffer.compare(committed, built) === 0, "kernels.wasm is stale: run deno task build:wasm");
});
