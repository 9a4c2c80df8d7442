/** The number that ties an NDEATH to its NBIRTH: one more at each CONNECT, over restarts where a file may keep it. */

import { atomicWrite } from "../../core/atomic_write.ts";
import type { FileSystem } from "../../core/file_system.ts";
import { SEQ_MODULUS } from "./edge_node.ts";

/** Gives the number of the next CONNECT. */
export interface BdSeq {
  /** Rejects never; a file that cannot be written costs the memory over restarts and is told to `onProblem`. */
  next(): Promise<number>;
}

/** Counts from what `path` holds, or from 0; null keeps nothing. */
export function openBdSeq(path: string | null, files: FileSystem, onProblem: (text: string) => void): BdSeq {
  let last: number | null = null;
  return {
    async next() {
      last ??= path === null ? SEQ_MODULUS - 1 : await readLast(path, files);
      last = (last + 1) % SEQ_MODULUS;
      if (path === null) return last;
      try {
        await atomicWrite(files, path, new TextEncoder().encode(`${last}\n`));
      } catch (error) {
        onProblem(`Cannot keep Sparkplug's bdSeq as ${path} must be writable: found ${(error as Error).message}`);
      }
      return last;
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** The number before the first one when there is no file, or none that makes sense. */
async function readLast(path: string, files: FileSystem): Promise<number> {
  try {
    const text = new TextDecoder().decode(await files.read(path, { offset: 0, lengthMax: 16 }));
    return /^\d{1,3}\n?$/.test(text) && Number(text) < SEQ_MODULUS ? Number(text) : SEQ_MODULUS - 1;
  } catch {
    return SEQ_MODULUS - 1;
  }
}
