/** The file of energies under a process that is killed at any moment. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import { loadTotals } from "../../src/power/energy_state.ts";

const CHILD = fileURLToPath(new URL("../support/energy_child.ts", import.meta.url));

Deno.test("killed at any moment, the file holds what was saved last, or the one that was under way", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quartz-energy-"));
  const path = join(folder, "energy");
  try {
    for (const saves of fc.sample(fc.integer({ min: 1, max: 40 }), 8)) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-read", "--allow-write", CHILD, path],
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      let said = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (said.split("\n").length > saves) {
          child.kill("SIGKILL");
          break;
        }
      }
      await child.status;
      const last = Number(said.trimEnd().split("\n").at(-1));
      const { totals, restarted } = await loadTotals(nodeFileSystem, path);
      assert.equal(restarted, null);
      // What the pipe still held when it was killed is more than what was read.
      assert.ok(totals.get("vdd_in")! >= last, `${totals.get("vdd_in")} after ${last}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
