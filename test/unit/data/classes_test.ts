import assert from "node:assert/strict";
import { ConfigError } from "../../../src/core/errors.ts";
import { classId, withClasses } from "../../../src/data/classes.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import { spreadOut } from "../../../src/data/spread.ts";

/** Image i has one pixel, i, and class i modulo 3. */
function numbered(count: number, labels: string[] | null): Dataset {
  return {
    name: "numbered",
    count,
    shape: [1, 1, 1],
    labels,
    frame(index, out) {
      out[0] = index;
      return index % 3;
    },
  };
}

Deno.test("classId() makes a class id of any name", () => {
  const cases = {
    "Ankle boot": "ankle_boot",
    "T-shirt/top": "t-shirt_top",
    " Äpfel ": "apfel",
    "7": "7",
    "": "_",
    "!!": "_",
  };
  for (const [name, id] of Object.entries(cases)) assert.equal(classId(name), id, name);
  assert.match(classId("x".repeat(300)), /^x{64}$/);
});

Deno.test("withClasses() puts classes into the order of the labels, by name or else by index", () => {
  const out = new Uint8Array(1);
  const named = withClasses(numbered(6, ["Cat", "Dog", "Eel"]), ["eel", "cat", "dog"]);
  assert.deepEqual([0, 1, 2].map((i) => named.frame(i, out)), [1, 2, 0]);
  const plain = withClasses(numbered(6, null), ["a", "b", "c"]);
  assert.deepEqual([0, 1, 2].map((i) => plain.frame(i, out)), [0, 1, 2]);
  assert.throws(() => withClasses(numbered(6, ["Cat", "Dog", "Emu"]), ["eel", "cat", "dog"]), ConfigError);
  assert.throws(() => withClasses(numbered(6, null), ["a", "b"]).frame(2, out), ConfigError);
});

Deno.test("spreadOut() gives every image once and a few of each class early", () => {
  const out = new Uint8Array(1);
  for (let count = 1; count <= 200; count++) {
    const data = spreadOut(numbered(count, null));
    const seen = Array.from({ length: count }, (_, i) => (data.frame(i, out), out[0]));
    assert.equal(new Set(seen).size, count, `${count} images`);
    if (count < 40) continue;
    // Of the first twelve, every quarter of the data set has at least one.
    const quarters = new Set(seen.slice(0, 12).map((image) => Math.floor(image * 4 / count)));
    assert.equal(quarters.size, 4, `${count} images`);
  }
});
