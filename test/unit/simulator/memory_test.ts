/** The frame path allocates nothing: over 100,000 frames the heap neither keeps nor throws away more than noise. */

import assert from "node:assert/strict";
import { ROOT } from "../../support/program.ts";

const FRAMES = 100_000;
/** Less than a byte a frame: even one boxed number a frame would be more than ten. */
const BYTES_MAX = 64 * 1024;

Deno.test(`${FRAMES} frames leave the heap as it was`, async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read", "--allow-env", "--allow-sys", "--v8-flags=--expose-gc"].concat(
      ["test/support/frames_child.ts", String(FRAMES)],
    ),
    cwd: ROOT,
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  const { keptBytes, thrownBytes } = JSON.parse(decoder.decode(stdout));
  console.log(`${FRAMES} frames: heap ${keptBytes} bytes after collecting, ${thrownBytes} before`);
  assert.ok(Math.abs(keptBytes) <= BYTES_MAX, `${keptBytes} bytes kept`);
  assert.ok(thrownBytes <= BYTES_MAX, `${thrownBytes} bytes thrown away`);
});
