/** Golden data from outside the project. A test that needs it fails, saying so, where it is missing. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Container, readContainer, type Tensor } from "../../src/model/container.ts";

const FOLDER = new URL("../../../shared/vectors/", import.meta.url);

/** Path of a golden file, which exists. */
export function vectorPath(name: string): string {
  const path = fileURLToPath(new URL(name, FOLDER));
  if (!existsSync(path)) {
    throw new Error(
      `Cannot run golden tests as ${name} is missing: put the golden data at ../shared/vectors beside the checkout`,
    );
  }
  return path;
}

/** Bytes of a golden file. */
export function readVectors(name: string): Uint8Array {
  return readFileSync(vectorPath(name));
}

/** A golden safetensors file. */
export function readVectorContainer(name: string): Container {
  return readContainer(readVectors(name), name);
}

/** A tensor of a container, or a clear failure. */
export function tensorOf(container: Container, name: string): Tensor {
  const tensor = container.tensors.get(name);
  if (tensor === undefined) throw new Error(`Golden file lacks tensor ${name}`);
  return tensor;
}

/** Tensor as F32 numbers. */
export function floatsOf(container: Container, name: string): Float32Array {
  return new Float32Array(tensorOf(container, name).bytes.slice().buffer);
}

/** Tensor as I16 numbers. */
export function shortsOf(container: Container, name: string): Int16Array {
  return new Int16Array(tensorOf(container, name).bytes.slice().buffer);
}
