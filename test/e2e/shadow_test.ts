/** `shadow` on the bundled digits, as a program would use it. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

Deno.test("shadow prints how often both networks agree", async () => {
  const model = `${ROOT}models/mnist-lenet`;
  const words = ["shadow", `${model}/network.safetensors`, `${model}/model.onnx`, "--limit", "60", "--json"];
  const args = ["run", "--quiet", "--allow-all", `${ROOT}src/main.ts`, ...words, "--data"];
  const run = async (data: string) => await new Deno.Command("deno", { args: [...args, data] }).output();
  const { code, stdout } = await run(`clip:${model}/clip.safetensors.gz`);
  assert.equal(code, 0);
  const result = JSON.parse(new TextDecoder().decode(stdout).trim());
  assert.equal(result.frames, 60);
  assert.ok(result.agreement >= 0.98, `agreement ${result.agreement}`);
});
