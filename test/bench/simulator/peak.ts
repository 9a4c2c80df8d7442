/**
 * What this machine's integer SIMD can do at most, in WebAssembly and one thread: rows of 16-bit weights, in first-level
 * cache, added to registers. One addition is one synaptic operation.
 */

import asc from "assemblyscript/asc";

const LANES = 64;
const ROWS = 4096;

/** Synaptic operations a second, best of some runs: a function to be called now and then during a run. */
export async function createPeak(): Promise<() => number> {
  const sums = [0, 1, 2, 3, 4, 5, 6, 7];
  const source = `
    export function addRows(rows: i32): i32 {
      let ${sums.map((i) => `s${i} = i16x8.splat(0)`).join(", ")};
      for (let row = 0; row < rows; row++) {
        const at = ((row * 37) & 127) << 7;
        ${sums.map((i) => `s${i} = i16x8.add(s${i}, v128.load(at, ${i * 16}));`).join("\n")}
      }
      ${sums.slice(1).map((i) => `s0 = v128.xor(s0, s${i});`).join("\n")}
      return i16x8.bitmask(s0);
    }`;
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      "peak.ts",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--enable",
      "simd",
      "--initialMemory",
      "1",
      "-o",
      "peak.wasm",
    ],
    {
      readFile: (name: string) => (name === "peak.ts" ? source : null),
      writeFile(_name: string, contents: Uint8Array | string) {
        if (contents instanceof Uint8Array) bytes = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || bytes === undefined) throw new Error(`Cannot build the peak measurement: ${error} ${stderr}`);
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  const { addRows } = new WebAssembly.Instance(module).exports as { addRows(rows: number): number };
  for (let i = 0; i < 500; i++) addRows(ROWS);
  return () => {
    const start = performance.now();
    for (let i = 0; i < 20; i++) addRows(ROWS);
    return 20 * ROWS * LANES / ((performance.now() - start) / 1000);
  };
}
