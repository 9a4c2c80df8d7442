/** A short way to write ONNX models in tests: nodes and weights to the bytes of a file. */

import { BinaryWriter, WireType } from "../../src/convert/onnx/wire.ts";

/** A value of an attribute; whole numbers become ints unless wrapped by `float`. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number } | TensorParts;

/** A constant. */
export interface TensorParts {
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
  /** Where and how values are stored; `raw` float by default. */
  readonly as?: "float" | "float_data" | "double" | "double_data" | "int64" | "int64_data" | "int32_data" | "float16";
  /** Values stand in a file beside the model. */
  readonly external?: Readonly<Record<string, string>>;
}

/** One node: `[op, inputs, outputs, attributes]`. */
export type NodeParts = readonly [
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, AttributeValue>>,
];

/** A model; sizes that are not fixed are texts. */
export interface ModelParts {
  readonly opset?: number;
  readonly input?: readonly (number | string)[];
  readonly inputName?: string;
  readonly nodes: readonly NodeParts[];
  readonly weights?: Readonly<Record<string, TensorParts>>;
  readonly outputs: readonly string[];
}

/** Bytes of an ONNX file. */
export function onnxModel(parts: ModelParts): Uint8Array {
  const graph = new BinaryWriter();
  for (const [index, node] of parts.nodes.entries()) message(graph, 1, (writer) => writeNode(writer, node, index));
  text(graph, 2, "test");
  for (const [name, tensor] of Object.entries(parts.weights ?? {})) {
    message(graph, 5, (writer) => writeTensor(writer, name, tensor));
  }
  message(graph, 11, (writer) => writeValueInfo(writer, parts.inputName ?? "x", parts.input ?? ["N", 1, 4, 4]));
  for (const name of parts.outputs) message(graph, 12, (writer) => writeValueInfo(writer, name, null));
  const model = new BinaryWriter();
  int(model, 1, 8);
  text(model, 2, "test");
  model.tag(7, WireType.LengthDelimited).bytes(graph.finish());
  message(model, 8, (writer) => int(writer, 2, parts.opset ?? 17));
  return model.finish();
}

// ---------------------------------------------------------------------------------------------------------------------

function writeNode(writer: BinaryWriter, [op, inputs, outputs, attributes]: NodeParts, index: number): void {
  for (const input of inputs) text(writer, 1, input);
  for (const output of outputs) text(writer, 2, output);
  text(writer, 3, `${op.toLowerCase()}_${index}`);
  text(writer, 4, op);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    message(writer, 5, (inner) => writeAttribute(inner, name, value));
  }
}

function writeAttribute(writer: BinaryWriter, name: string, value: AttributeValue): void {
  text(writer, 1, name);
  const type = (code: number) => int(writer, 20, code);
  if (typeof value === "number") {
    int(writer, 3, value);
    type(2);
  } else if (typeof value === "string") {
    text(writer, 4, value);
    type(3);
  } else if ("float" in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    type(1);
  } else if ("values" in value && "dims" in value) {
    message(writer, 5, (inner) => writeTensor(inner, "", value));
    type(4);
  } else {
    for (const item of value) int(writer, 8, item);
    type(7);
  }
}

function writeTensor(writer: BinaryWriter, name: string, tensor: TensorParts): void {
  const { dims, as = "float", values, external } = tensor;
  for (const size of dims) int(writer, 1, size);
  const codes = {
    float: 1,
    float_data: 1,
    double: 11,
    double_data: 11,
    int64: 7,
    int64_data: 7,
    int32_data: 6,
    float16: 10,
  };
  int(writer, 2, codes[as]);
  text(writer, 8, name);
  const list = Array.from(values);
  if (external !== undefined) {
    for (const [key, value] of Object.entries(external)) {
      message(writer, 13, (entry) => {
        text(entry, 1, key);
        text(entry, 2, value);
      });
    }
    int(writer, 14, 1);
    return;
  }
  const packed = (field: number, put: (inner: BinaryWriter, value: number) => void) => {
    const inner = new BinaryWriter();
    for (const value of list) put(inner, value);
    writer.tag(field, WireType.LengthDelimited).bytes(inner.finish());
  };
  switch (as) {
    case "float_data":
      return packed(4, (inner, value) => inner.float(value));
    case "double_data":
      return packed(10, (inner, value) => inner.double(value));
    case "int64_data":
      return packed(7, (inner, value) => inner.int64(value));
    case "int32_data":
      return packed(5, (inner, value) => inner.int32(value));
    default: {
      const array = as === "float"
        ? Float32Array.from(list)
        : as === "double"
        ? Float64Array.from(list)
        : as === "float16"
        ? Float16Array.from(list)
        : BigInt64Array.from(list, BigInt);
      writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(array.buffer));
    }
  }
}

function writeValueInfo(writer: BinaryWriter, name: string, dims: readonly (number | string)[] | null): void {
  text(writer, 1, name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      int(tensor, 1, 1);
      if (dims === null) return;
      message(tensor, 2, (shape) => {
        for (const size of dims) {
          message(shape, 1, (dimension) => {
            if (typeof size === "number") int(dimension, 1, size);
            else text(dimension, 2, size);
          });
        }
      });
    }));
}

function message(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  const inner = new BinaryWriter();
  write(inner);
  writer.tag(field, WireType.LengthDelimited).bytes(inner.finish());
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function int(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}
