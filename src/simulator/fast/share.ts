/** Which part of a step a thread does. Parts write different bytes and count different things, so any division is the same. */

import type { WasmKernels } from "../wasm_module.ts";
import type { Step } from "./layer_plan.ts";

/** A merged gather of fewer positions is divided by blocks of channels: each thread then reads its own weights only. */
const POSITIONS_MIN = 48;

/**
 * Runs part number `part` of `parts`.
 *
 * @param work address of the thread's own scratch record
 */
export function runShare(kernels: WasmKernels, step: Step, work: number, part: number, parts: number): void {
  const { kind, record, amount, blocks } = step;
  if (kind === "merged" && amount < POSITIONS_MIN && parts > 1) {
    const first = boundary(blocks, part, parts);
    const last = boundary(blocks, part + 1, parts);
    if (first < last) kernels.runMerged(record, work, 0, amount, first, last);
    return;
  }
  const from = boundary(amount, part, parts);
  const to = boundary(amount, part + 1, parts);
  if (from === to) return;
  if (kind === "tiles") kernels.runTiles(record, work, from, to);
  else if (kind === "points") kernels.runPoints(record, work, from, to);
  else if (kind === "scatter") kernels.runScatter(record, work);
  else if (kind === "merged") kernels.runMerged(record, work, from, to, 0, blocks);
  else if (kind === "taps") kernels.runTaps(record, work, from, to);
  else if (kind === "depthwise") kernels.runDepthwise(record, work, from, to);
  else if (kind === "max_pool") kernels.runMaxPool(record, work, from, to);
  else if (kind === "average_pool") kernels.runAveragePool(record, work, from, to);
  else kernels.countEvents(record, work, from, to);
}

function boundary(amount: number, part: number, parts: number): number {
  return Math.floor(amount * part / parts);
}
