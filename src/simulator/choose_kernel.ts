/** Which kernel runs a network: the integer one by default, the float64 reference on request. */

import type { Network } from "../core/network.ts";
import type { WeightBits } from "../model/quantise.ts";
import type { Kernel } from "./kernel.ts";
import { createFastKernel, type FastKernelOptions } from "./kernel_fast.ts";
import { createReferenceKernel } from "./kernel_reference.ts";

/** A choice that can be sent to a worker. */
export type KernelChoice = { readonly kind: "reference" } | { readonly kind: "fast"; readonly weightBits: WeightBits };

/** What runs when nobody chooses. */
export const DEFAULT_KERNEL: KernelChoice = { kind: "fast", weightBits: 8 };

/** The choices as command lines name them. */
export const KERNELS_BY_NAME: Readonly<Record<"fast" | "fast16" | "reference", KernelChoice>> = {
  fast: DEFAULT_KERNEL,
  fast16: { kind: "fast", weightBits: 16 },
  reference: { kind: "reference" },
};

/** Makes the kernel. @param team several threads; the reference kernel has one whatever is asked */
export function createKernel(network: Network, choice: KernelChoice, team?: FastKernelOptions["team"]): Kernel {
  if (choice.kind === "reference") return createReferenceKernel(network);
  return createFastKernel(network, { weightBits: choice.weightBits, team });
}
