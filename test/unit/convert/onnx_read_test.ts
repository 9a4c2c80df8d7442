import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ModelError } from "../../../src/core/errors.ts";
import { openOnnx, parseOnnx } from "../../../src/convert/onnx/read.ts";
import { BinaryWriter, WireType } from "../../../src/convert/onnx/wire.ts";
import { type ModelParts, onnxModel, type TensorParts } from "../../support/onnx_models.ts";

const small: ModelParts = {
  input: [1, 1, 2, 2],
  nodes: [["Conv", ["x", "w"], ["y"], { kernel_shape: [1, 1], alpha: { float: 0.5 }, auto_pad: "VALID" }]],
  weights: { w: { dims: [1, 1, 1, 1], values: [2] } },
  outputs: ["y"],
};

/** Asserts that reading fails with an issue that matches each pattern. */
async function assertRefused(reading: Promise<unknown>, ...patterns: RegExp[]): Promise<void> {
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof ModelError, `${error}`);
    const text = error.issues.map((issue) => `${issue.where}: ${issue.expected}, ${issue.found}`).join("\n");
    for (const pattern of patterns) assert.match(text, pattern);
    return true;
  });
}

Deno.test("parseOnnx() reads nodes, attributes, inputs and outputs", async () => {
  const model = await parseOnnx(onnxModel({ ...small, input: ["N", 1, 2, 2] }), "m");
  assert.equal(model.opset, 17);
  assert.deepEqual(model.inputs, [{ name: "x", dims: [0, 1, 2, 2] }]);
  assert.deepEqual(model.outputs.map((output) => output.name), ["y"]);
  const [conv] = model.nodes;
  assert.deepEqual([conv.name, conv.op, conv.inputs, conv.outputs], ["conv_0", "Conv", ["x", "w"], ["y"]]);
  assert.deepEqual(conv.attributes.get("kernel_shape")?.ints, [1, 1]);
  assert.equal(conv.attributes.get("alpha")?.float, 0.5);
  assert.equal(conv.attributes.get("auto_pad")?.text, "VALID");
});

Deno.test("parseOnnx() reads tensors of every type and place", async () => {
  const values = [1, -2, 0.5, 65504];
  const whole = [1, -2, 3, 2 ** 31 - 1];
  const cases: Record<string, [TensorParts["as"], number[]]> = {
    raw: ["float", values],
    listed: ["float_data", values],
    double: ["double", values],
    doubles: ["double_data", values],
    half: ["float16", values],
    int64: ["int64", whole],
    int64s: ["int64_data", whole],
    int32s: ["int32_data", whole],
  };
  const weights = Object.fromEntries(
    Object.entries(cases).map(([name, [as, list]]) => [name, { dims: [2, 2], values: list, as }]),
  );
  const model = await parseOnnx(onnxModel({ ...small, weights: { ...small.weights, ...weights } }), "m");
  for (const [name, [, list]] of Object.entries(cases)) {
    assert.deepEqual([...model.initializers.get(name)!.values], list, name);
  }
});

Deno.test("parseOnnx() lists what is wrong with a model", async () => {
  const cases: [Partial<ModelParts>, RegExp][] = [
    [{ opset: 6 }, /opset: 7 to 21, 6/],
    [{ opset: 99 }, /opset: 7 to 21, 99/],
    [{ weights: { w: { dims: [1, 1, 1, 2], values: [2] } } }, /tensor "w": 8 bytes for float \[1, 1, 1, 2\], 4/],
    [{ weights: { w: { dims: [2 ** 20, 2 ** 20], values: [2] } } }, /tensor "w" shape: .*134217728 elements/],
    [{ weights: { w: { dims: [-1], values: [2] } } }, /tensor "w" shape/],
    [{ weights: { w: { dims: [9], values: [2], as: "int64_data" } } }, /tensor "w": 9 numbers, 1 bytes/],
    [{ weights: {} }, /node "conv_0" \(Conv\) input "w": an earlier node's output, no such value/],
    [{ outputs: ["z"] }, /output "z": a value, none/],
    [{ nodes: [["Relu", ["b"], ["a"]], ["Relu", ["a"], ["b"]]], outputs: ["b"] }, /input "b": .*a cycle/],
    [{ nodes: [["Relu", ["x"], ["x"]]], outputs: ["x"] }, /output "x": a new name, a used one/],
    [{ nodes: [] }, /graph: 1 to 16384 nodes, 0/],
  ];
  for (const [parts, pattern] of cases) await assertRefused(parseOnnx(onnxModel({ ...small, ...parts }), "m"), pattern);
});

Deno.test("parseOnnx() refuses nesting and lists that would eat memory", async () => {
  const many = new BinaryWriter();
  for (let i = 0; i < 5_000_000; i++) many.tag(1, WireType.Varint).int32(1);
  await assertRefused(parseOnnx(many.finish(), "m"), /more parts than the limit/);
  await assertRefused(parseOnnx(new TextEncoder().encode("not an ONNX file at all"), "m"), /file/);
});

Deno.test("openOnnx() reads external data beside the model and nowhere else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "onnx-"));
  try {
    await writeFile(join(folder, "w.bin"), new Uint8Array(new Float32Array([7, 8, 9]).buffer));
    await symlink("/etc/hostname", join(folder, "link"));
    const path = join(folder, "m.onnx");
    const write = async (external: Record<string, string>) => {
      const weights = { w: { dims: [1, 1, 1, 1], values: [], external } };
      await writeFile(path, onnxModel({ ...small, weights }));
      return openOnnx(path);
    };
    const model = await write({ location: "w.bin", offset: "4", length: "4" });
    assert.deepEqual([...model.initializers.get("w")!.values], [8]);
    assert.deepEqual(model.externalFiles.map((file) => [file.path, file.bytes.length]), [["w.bin", 12]]);
    await assertRefused(write({ location: "../w.bin" }), /below the model's folder/);
    await assertRefused(write({ location: "/etc/hostname" }), /below the model's folder/);
    await assertRefused(write({ location: "a/../../w.bin" }), /below the model's folder/);
    await assertRefused(write({ location: "link" }), /no symbolic link/);
    await assertRefused(write({ location: "none.bin" }), /a file that can be read, ENOENT/);
    await assertRefused(write({ location: "." }), /./);
    await assertRefused(write({ location: "w.bin", offset: "12" }), /4 bytes inside a file of 12, 4 at 12/);
    await assertRefused(write({ location: "w.bin", offset: "-4" }), /4 at -4/);
    await assertRefused(write({}), /a location, none/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("parseOnnx() turns any bytes into a model or a ModelError", async () => {
  const good = onnxModel({
    ...small,
    weights: { w: small.weights!.w, v: { dims: [3], values: [1, 2, 3], as: "int64_data" } },
  });
  const damaged = fc.tuple(
    fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
    fc.nat(good.length),
  )
    .map(([edits, length]) => {
      const bytes = good.slice();
      for (const [at, value] of edits) bytes[at] = value;
      return length % 2 ? bytes : bytes.slice(0, length);
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), async (bytes) => {
      try {
        await parseOnnx(bytes, "m");
      } catch (error) {
        assert.ok(error instanceof ModelError, `${error}`);
      }
    }),
    { numRuns: 3000 },
  );
  // A list of numbers that ends within its last one.
  const cut = good.slice();
  const list = good.findIndex((_, i) => [58, 3, 1, 2, 3].every((byte, k) => good[i + k] === byte));
  cut[list + 4] = 0x80;
  await assert.rejects(parseOnnx(cut, "m"), ModelError);
});
