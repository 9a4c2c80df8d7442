/** Loads the committed WebAssembly module, built from `wasm/` by `deno task build:wasm`. */

import { readFileSync } from "node:fs";

/** Functions of `wasm/index.ts`; `layer` and `work` are addresses of records. */
export interface WasmKernels {
  /** Tile rows `from` to `to` (exclusive). */
  runTiles(layer: number, work: number, from: number, to: number): void;
  /** Positions `from` to `to` (exclusive) of blocks `firstBlock` to `lastBlock` (exclusive). */
  runMerged(layer: number, work: number, from: number, to: number, firstBlock: number, lastBlock: number): void;
  /** Rows `from` to `to` (exclusive). */
  runTaps(layer: number, work: number, from: number, to: number): void;
  runMaxPool(layer: number, work: number, from: number, to: number): void;
  runAveragePool(layer: number, work: number, from: number, to: number): void;
  /** Pixels `from` to `to` (exclusive). */
  countEvents(layer: number, work: number, from: number, to: number): void;
  /** @returns not 0 when a level is negative */
  packLevels(source: number, target: number, channels: number, area: number): number;
  /** @returns not 0 when a level is negative */
  narrowLevels(source: number, target: number, count: number): number;
}

/** Where the module is. */
export const WASM_URL = new URL("./wasm/kernels.wasm", import.meta.url);

let compiled: WebAssembly.Module | undefined;

/** The module, compiled once a thread. */
export function wasmModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(WASM_URL));
  return compiled;
}

/** Kernels over a memory. */
export function instantiateKernels(memory: WebAssembly.Memory): WasmKernels {
  return new WebAssembly.Instance(wasmModule(), { env: { memory } }).exports as unknown as WasmKernels;
}
