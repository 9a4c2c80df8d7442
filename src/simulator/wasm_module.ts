/** Loads the committed WebAssembly modules, built from `wasm/` by `deno task build:wasm`. */

import { readFileSync } from "node:fs";
import { assert } from "../core/assert.ts";

/** Functions of `wasm/index.ts`; `layer` and `work` are addresses of records. */
export interface WasmKernels {
  /** Tile rows `from` to `to` (exclusive). */
  runTiles(layer: number, work: number, from: number, to: number): void;
  /** Gather for colours, as rows of positions. */
  runPoints(layer: number, work: number, from: number, to: number): void;
  /** The whole layer. */
  runScatter(layer: number, work: number): void;
  /** Positions `from` to `to` (exclusive) of blocks `firstBlock` to `lastBlock` (exclusive). */
  runMerged(layer: number, work: number, from: number, to: number, firstBlock: number, lastBlock: number): void;
  /** Rows `from` to `to` (exclusive). */
  runTaps(layer: number, work: number, from: number, to: number): void;
  /** The same; only where `hasRelaxedSimd`. */
  runDepthwise(layer: number, work: number, from: number, to: number): void;
  runMaxPool(layer: number, work: number, from: number, to: number): void;
  runAveragePool(layer: number, work: number, from: number, to: number): void;
  /** Pixels `from` to `to` (exclusive). */
  countEvents(layer: number, work: number, from: number, to: number): void;
  /** @returns not 0 when a level is negative */
  packLevels(source: number, target: number, channels: number, area: number): number;
  /** @returns not 0 when a level is negative */
  narrowLevels(source: number, target: number, count: number): number;
}

/** Where the module is that runs everywhere. */
export const WASM_URL = new URL("./wasm/kernels.wasm", import.meta.url);
/** Where the one is that needs relaxed SIMD; of that only what gives the same on every machine is used. */
export const RELAXED_URL = new URL("./wasm/relaxed.wasm", import.meta.url);

/** Bytes of a page of WebAssembly memory. */
const PAGE_BYTES = 65536;
/** How the module's imported memory is described: names, kind, "shared, with a maximum". */
const MEMORY_IMPORT = [3, ...letters("env"), 6, ...letters("memory"), 2, 3];

/** By pages of memory. */
const compiled = new Map<number, readonly WebAssembly.Module[]>();

/** Kernels over a memory that cannot grow. */
export function instantiateKernels(memory: WebAssembly.Memory): WasmKernels {
  const pages = memory.buffer.byteLength / PAGE_BYTES;
  let modules = compiled.get(pages);
  if (modules === undefined) {
    const urls = hasRelaxedSimd() ? [WASM_URL, RELAXED_URL] : [WASM_URL];
    modules = urls.map((url) => new WebAssembly.Module(withPages(readFileSync(url), pages)));
    compiled.set(pages, modules);
  }
  const exports = modules.map((module) => new WebAssembly.Instance(module, { env: { memory } }).exports);
  return Object.assign({}, ...exports) as WasmKernels;
}

/** Whether the second module can be loaded here. */
export function hasRelaxedSimd(): boolean {
  return relaxed ??= WebAssembly.validate(readFileSync(RELAXED_URL));
}

let relaxed: boolean | undefined;

/**
 * The module with the size of its memory made exact. Where a memory may grow, V8 reads its size anew for every bounds check;
 * that took 6 to 8 % of the time.
 */
function withPages(bytes: Uint8Array<ArrayBuffer>, pages: number): Uint8Array<ArrayBuffer> {
  const at = bytes.findIndex((_, start) => MEMORY_IMPORT.every((byte, i) => bytes[start + i] === byte));
  assert(at >= 0, "the module imports its memory");
  // Both limits were built as 65536, three bytes of LEB128 each.
  const limit = [pages & 127 | 128, pages >> 7 & 127 | 128, pages >> 14];
  const result = bytes.slice();
  result.set([...limit, ...limit], at + MEMORY_IMPORT.length);
  return result;
}

function letters(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}
