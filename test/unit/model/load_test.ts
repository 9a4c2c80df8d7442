/** Loading network files: round trips, and every way a file can be wrong is named with what was expected and found. */

import assert from "node:assert/strict";
import { ModelError } from "../../../src/core/errors.ts";
import { createRandom } from "../../../src/core/random.ts";
import { readContainer, type Tensor, writeContainer } from "../../../src/model/container.ts";
import { loadNetwork, openNetwork } from "../../../src/model/load.ts";
import { saveNetwork } from "../../../src/model/save.ts";
import { goldenMnistNetwork } from "../../support/networks.ts";
import { randomNetwork } from "../../support/random_network.ts";

// deno-lint-ignore no-explicit-any -- tests bend manifests into shapes that no type allows
type Bent = any;

/** A valid small file, its manifest and tensors bent by `change` before it is written. */
function bentFile(change: (manifest: Bent, tensors: Map<string, Tensor>) => void): Uint8Array {
  const container = readContainer(saveNetwork(goldenMnistNetwork()), "golden");
  const manifest = JSON.parse(container.metadata.quartz);
  const tensors = new Map(container.tensors);
  change(manifest, tensors);
  return writeContainer({ metadata: { quartz: JSON.stringify(manifest) }, tensors });
}

function issuesOf(bytes: Uint8Array): readonly { where: string; expected: string; found: string }[] {
  try {
    loadNetwork(bytes, "test.safetensors");
  } catch (error) {
    assert.ok(error instanceof ModelError, String(error));
    return error.issues;
  }
  return [];
}

Deno.test("a saved network loads as the same network", () => {
  for (const network of [goldenMnistNetwork(), ...[1, 2, 3, 4, 5].map((seed) => randomNetwork(createRandom(seed)))]) {
    const bytes = saveNetwork(network);
    const { digest, ...loaded } = loadNetwork(bytes, "test");
    const { digest: _, ...expected } = network;
    assert.deepEqual(loaded, expected);
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(saveNetwork(loaded), bytes, "saving again gives the same bytes");
  }
});

Deno.test("self-test vectors survive the round trip", () => {
  const selfTest = {
    count: 2,
    frames: new Uint8Array(2 * 784).fill(7),
    steps: Int16Array.from({ length: 20 }, (_, i) => i),
  };
  const loaded = loadNetwork(saveNetwork({ ...goldenMnistNetwork(), selfTest }), "test");
  assert.deepEqual(loaded.selfTest, selfTest);
});

const CASES: {
  name: string;
  change: (manifest: Bent, tensors: Map<string, Tensor>) => void;
  where: RegExp;
  found: RegExp;
}[] = [
  { name: "an unknown key", change: (m) => m.extra = 1, where: /manifest/, found: /extra|format_version/ },
  { name: "a future version", change: (m) => m.format_version = 2, where: /format_version/, found: /^2$/ },
  { name: "t_max of 1", change: (m) => m.t_max = 1, where: /t_max/, found: /^1$/ },
  { name: "an unknown kind", change: (m) => m.layers[1].kind = "lstm", where: /layers\.1\.kind/, found: /lstm/ },
  {
    name: "an input that does not exist",
    change: (m) => m.layers[2].inputs = ["nowhere"],
    where: /layers\.2 .*inputs/,
    found: /nowhere/,
  },
  {
    name: "an input from a later layer",
    change: (m) => m.layers[0].inputs = ["fc1"],
    where: /layers\.0 .*inputs/,
    found: /fc1/,
  },
  {
    name: "two layers of one name",
    change: (m) => m.layers[1].name = "conv1",
    where: /layers\.1 .*name/,
    found: /used before/,
  },
  {
    name: "a layer nobody reads",
    change: (m) => m.layers[6].inputs = ["flatten2"],
    where: /inputs/,
    found: /flatten2/,
  },
  {
    name: "a wrong shape",
    change: (m) => m.layers[1].shape = [6, 13, 13],
    where: /layers\.1 .*shape/,
    found: /6x13x13/,
  },
  {
    name: "a missing tensor",
    change: (_, t) => t.delete("conv2.weight"),
    where: /layers\.2 .*weights/,
    found: /no such tensor/,
  },
  {
    name: "a tensor of another shape",
    change: (_, t) => t.set("conv2.weight", { ...t.get("conv2.weight")!, shape: [6, 12, 5, 5] }),
    where: /layers\.2 .*weights/,
    found: /\[6, 12, 5, 5\]/,
  },
  {
    name: "a tensor of another type",
    change: (_, t) => t.set("fc1.bias", { dtype: "I32", shape: [10], bytes: new Uint8Array(40) }),
    where: /layers\.6 .*bias/,
    found: /I32/,
  },
  {
    name: "a weight that is not a number",
    change: (_, t) => t.get("conv1.weight")!.bytes.fill(0xff, 8, 12),
    where: /layers\.0 .*weights/,
    found: /NaN at element 2/,
  },
  {
    name: "a bias that no spike can code",
    change: (_, t) =>
      t.set("fc1.bias", { dtype: "F32", shape: [10], bytes: new Uint8Array(new Float32Array(10).fill(2.5).buffer) }),
    where: /layers\.6 .*bias/,
    found: /2\.5/,
  },
  { name: "too few labels", change: (m) => m.labels.pop(), where: /labels/, found: /9/ },
  { name: "a label with a wildcard", change: (m) => m.labels[0] = "a/#", where: /labels\.0/, found: /a\/#/ },
  { name: "groups that do not divide", change: (m) => m.layers[2].groups = 4, where: /layers\.2/, found: /4|6/ },
  {
    name: "a pool window wholly on padding",
    change: (m) => m.layers[1].padding = [2, 0, 0, 0],
    where: /padding/,
    found: /2/,
  },
  {
    name: "joined maps of two sizes",
    change: (m) => m.layers[1] = { kind: "concat", name: "pool1", inputs: ["input", "conv1"], shape: [7, 28, 28] },
    where: /layers\.1 .*inputs\.1/,
    found: /6x24x24/,
  },
  {
    name: "a joined map with too many channels",
    change: (m) => m.layers[1] = { kind: "concat", name: "pool1", inputs: ["conv1", "conv1"], shape: [13, 24, 24] },
    where: /layers\.1 .*shape/,
    found: /13/,
  },
  {
    name: "a self-test without its tensors",
    change: (m) => m.self_test = { frames: "a", steps: "b" },
    where: /self_test/,
    found: /no such/,
  },
  { name: "grey with three means", change: (m) => m.input.mean = [0, 0, 0], where: /input\.mean/, found: /3/ },
];

for (const { name, change, where, found } of CASES) {
  Deno.test(`loading refuses ${name} and says where`, () => {
    const issues = issuesOf(bentFile(change));
    const hit = issues.some((issue) => where.test(issue.where) && found.test(issue.found));
    assert.ok(hit, JSON.stringify(issues, null, 1));
  });
}

Deno.test("all problems of a file are reported at once", () => {
  const issues = issuesOf(bentFile((manifest, tensors) => {
    manifest.layers[2].inputs = ["nowhere"];
    tensors.delete("conv1.weight");
    tensors.delete("fc1.bias");
  }));
  assert.equal(issues.length, 3, JSON.stringify(issues));
});

Deno.test("a window too large to count is refused before anything is allocated", () => {
  const issues = issuesOf(bentFile((manifest) => {
    manifest.layers = [{ name: "big", kind: "global_avg_pool", inputs: ["input"], shape: [1, 1, 1], rectify: true }];
    manifest.input.shape = [1, 65536, 65536];
    manifest.labels = ["a"];
  }));
  assert.ok(issues.some((issue) => /at most \d+ neurons/.test(issue.expected)), JSON.stringify(issues));
});

Deno.test("a path that cannot be read names the path and the reason", async () => {
  await assert.rejects(openNetwork("no/such/file.safetensors"), { code: "model.open", message: /no\/such\/file/ });
  await assert.rejects(openNetwork("."), { code: "model.open", message: /regular file/ });
});
