/** The state file: what comes back, whatever happened to it. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { nodeFileSystem } from "../../../src/core/file_system.ts";
import { loadTotals, saveTotals } from "../../../src/power/energy_state.ts";

async function withFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quartz-energy-"));
  try {
    await work(join(folder, "sub/energy"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const TOTALS = new Map([["vdd_in", 918_233.1], ["snn_model", 0]]);

Deno.test("what was saved is loaded, and a file that is not there yet is no damage", async () => {
  await withFolder(async (path) => {
    assert.deepEqual(await loadTotals(nodeFileSystem, path), { totals: new Map(), restarted: null });
    await saveTotals(nodeFileSystem, path, TOTALS);
    await saveTotals(nodeFileSystem, path, new Map([...TOTALS, ["plug", 1e12]]));
    const { totals, restarted } = await loadTotals(nodeFileSystem, path);
    assert.deepEqual([[...totals], restarted], [[...TOTALS, ["plug", 1e12]], null]);
  });
});

Deno.test("a file cut at any byte, with any byte changed, empty or full of zeros begins anew and says why", async () => {
  await withFolder(async (path) => {
    await saveTotals(nodeFileSystem, path, TOTALS);
    const good = readFileSync(path);
    const damaged: Uint8Array[] = [new Uint8Array(0), new Uint8Array(good.length), new Uint8Array(4096)];
    for (let length = 1; length < good.length - 1; length++) damaged.push(good.subarray(0, length));
    for (let at = 0; at < good.length - 1; at++) {
      damaged.push(good.map((byte, index) => index === at ? byte ^ 4 : byte));
    }
    for (const bytes of damaged) {
      writeFileSync(path, bytes);
      const { totals, restarted } = await loadTotals(nodeFileSystem, path);
      assert.equal(totals.size, 0, JSON.stringify(bytes.toString()));
      assert.match(restarted ?? "", /must be a state file with its checksum: found /);
      // What is there is put aside, for whoever wants to know.
      assert.deepEqual(new Uint8Array(readFileSync(`${path}.damaged`)), new Uint8Array(bytes));
    }
  });
});

Deno.test("text that is no state, or energies that are no numbers, never pass", async () => {
  await withFolder(async (path) => {
    await saveTotals(nodeFileSystem, path, new Map([["a", 1]]));
    for (const bad of [-1, NaN]) {
      await saveTotals(nodeFileSystem, path, new Map([["a", bad]]));
      const { totals, restarted } = await loadTotals(nodeFileSystem, path);
      assert.deepEqual([totals.size, restarted === null], [0, false], `${bad}`);
    }
  });
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
    const files = { ...nodeFileSystem, read: () => Promise.resolve(bytes), rename: () => Promise.resolve() };
    const { totals, restarted } = await loadTotals(files, "energy");
    assert.deepEqual([totals.size, restarted === null], [0, false]);
  }));
});

Deno.test("a file that may not be read begins anew and says why", async () => {
  const files = {
    ...nodeFileSystem,
    read: () => Promise.reject(Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" })),
  };
  assert.match((await loadTotals(files, "energy")).restarted ?? "", /must be readable: found EACCES/);
});
