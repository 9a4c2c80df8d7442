/** Builds the simulator's WebAssembly from its AssemblyScript; run as a program, writes it where it is committed. */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { RELAXED_URL, WASM_URL } from "../../src/simulator/wasm_module.ts";

/** Pages of the module's imported memory, all of a 32-bit address space; `wasm_module.ts` puts the right number in. */
const PAGES_MAX = 65536;

/** Each committed module and the source that says what it exports. */
export const WASM_MODULES = [
  { url: WASM_URL, entry: "index.ts", features: ["simd", "threads"] },
  { url: RELAXED_URL, entry: "relaxed.ts", features: ["simd", "threads", "relaxed-simd"] },
] as const;

/** Bytes of a module; the same sources give the same bytes. @throws {Error} with the compiler's messages */
export async function buildWasm({ entry, features }: typeof WASM_MODULES[number]): Promise<Uint8Array> {
  const folder = new URL("./", WASM_URL);
  let built: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      entry,
      "-O3",
      "--converge",
      "--noAssert",
      ...["--runtime", "stub"],
      ...features.flatMap((feature) => ["--enable", feature]),
      "--importMemory",
      "--sharedMemory",
      "--noExportMemory",
      ...["--initialMemory", String(PAGES_MAX)],
      ...["--maximumMemory", String(PAGES_MAX)],
      ...["--outFile", "kernels.wasm"],
    ],
    {
      readFile(name: string) {
        try {
          return readFileSync(fileURLToPath(new URL(name, folder)), "utf8");
        } catch {
          return null;
        }
      },
      writeFile(_name: string, contents: Uint8Array | string) {
        if (contents instanceof Uint8Array) built = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || built === undefined) throw new Error(`Cannot build the WebAssembly module: ${error}\n${stderr}`);
  return built;
}

if (import.meta.main) {
  for (const module of WASM_MODULES) writeFileSync(module.url, await buildWasm(module));
}
