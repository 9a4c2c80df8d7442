/** The same source on Node: the demo gives the same answers and the same counts of spikes as under Deno. */

import assert from "node:assert/strict";
import { ROOT, runTask } from "../support/program.ts";

/** The oldest that the README promises. It strips types from .ts files by itself. */
const NODE = "node@22";

Deno.test(`demo on ${NODE} answers as it does on Deno`, async () => {
  const onDeno = await runTask("demo", ["--frames", "50"]);
  // npm brings the Node to test with: the machine's own may be older.
  const { code, stdout, stderr } = await new Deno.Command("npx", {
    args: ["--yes", "--package", NODE, "--", "node", "src/main.ts", "demo", "--frames", "50"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const lastLine = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!);
  const timed = ["latencyMsP50", "latencyMsP99"];
  const figures = (text: string) => Object.entries(lastLine(text)).filter(([name]) => !timed.includes(name));
  assert.deepEqual(figures(new TextDecoder().decode(stdout)), figures(onDeno.stdout));
});
