/** `inspect`: what a network file holds. */

import { openNetwork } from "../../model/load.ts";
import { formatSummary, summarise } from "../../model/summary.ts";
import { createReferenceKernel } from "../../simulator/kernel_reference.ts";
import { runSelfTest } from "../../simulator/self_test.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

/** Prints the layer table and the verdict of the file's own self-test vectors. */
export async function runInspect(command: CommandOf<"inspect">, { console }: CommandContext): Promise<number> {
  const network = await openNetwork(command.file);
  const summary = summarise(network);
  const mismatches = runSelfTest(network, createReferenceKernel(network));
  if (command.json) {
    console.print(JSON.stringify({ ...summary, selfTest: { frames: summary.selfTestFrames, mismatches } }));
  } else {
    console.print(formatSummary(summary));
    const first = mismatches[0];
    if (first !== undefined) {
      const { frame, neuron, expectedStep, foundStep } = first;
      console.print(
        `\nself-test FAILED: ${mismatches.length} spike(s) at another step than the file says; the first: frame ` +
          `${frame}, output ${neuron}, expected step ${expectedStep}, found ${foundStep}`,
      );
    } else if (summary.selfTestFrames > 0) {
      console.print(`\nself-test passed: ${summary.selfTestFrames} frames, every output spike at its step`);
    }
  }
  return mismatches.length === 0 ? 0 : 1;
}
