/** The committed WebAssembly is what its sources make. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { hasRelaxedSimd } from "../../../src/simulator/wasm_module.ts";
import { buildWasm, WASM_MODULES } from "../../support/build_wasm.ts";

for (const module of WASM_MODULES) {
  const name = basename(module.url.pathname);
  Deno.test(`${name} is what deno task build:wasm makes of its sources`, async () => {
    const built = await buildWasm(module);
    assert.ok(Buffer.compare(readFileSync(module.url), built) === 0, `${name} is stale: run deno task build:wasm`);
  });
}

Deno.test("this machine has relaxed SIMD, so that other tests run both ways", () => {
  assert.ok(hasRelaxedSimd());
});
