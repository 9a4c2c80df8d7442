/** An ONNX model as plain data: what the converter needs of it, checked against limits but not yet understood. Types only. */

/** Element types of tensors that are read (codes of the format's `TensorProto.DataType`). */
export type OnnxType =
  | "float"
  | "uint8"
  | "int8"
  | "int32"
  | "int64"
  | "bool"
  | "float16"
  | "double";

/** A constant tensor. */
export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: OnnxType;
  /** Row-major; every type becomes floating point. 64-bit whole numbers beyond 2^53 lose their last digits. */
  readonly values: Float32Array | Float64Array;
}

/** A node's attribute; which fields are set depends on its kind. Sub-graphs are noted and not read. */
export interface OnnxAttribute {
  readonly name: string;
  readonly float?: number;
  readonly int?: number;
  readonly text?: string;
  readonly tensor?: OnnxTensor;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly hasGraph?: boolean;
}

/** One operation. An empty input name is an optional input left out. */
export interface OnnxNode {
  /** Its own name, or one made from its place when it has none. */
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** A graph input or output; a dimension that is not fixed is 0. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dims: readonly number[] | null;
}

/** A file of weights beside the model, as the model names it. */
export interface OnnxExternalFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A model. Nodes are in the file's order. */
export interface OnnxModel {
  readonly producer: string;
  readonly irVersion: number;
  /** Version of the default operator set. */
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** Inputs that are not initializers. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** The model file itself, to be run. */
  readonly bytes: Uint8Array;
  readonly externalFiles: readonly OnnxExternalFile[];
}
