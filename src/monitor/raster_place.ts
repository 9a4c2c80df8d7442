/** Where a frame's second run happens: in a thread of its own, or here when it takes less than the thread would cost. */

import { Worker } from "node:worker_threads";
import { synapseCount } from "../core/geometry.ts";
import { inputShapeOf, type Network } from "../core/network.ts";
import type { KernelChoice } from "../simulator/choose_kernel.ts";
import type { RasterAnswer, RasterRun } from "./raster_run.ts";

/** What a place is told: a network to keep in place of the one before, or a frame of it. */
export type RasterOrder =
  | { readonly kind: "network"; readonly network: Network; readonly kernel: KernelChoice }
  | { readonly kind: "frame"; readonly bytes: Uint8Array };

/** What it says to a frame, or that it failed. */
export type RasterReply = RasterAnswer | { readonly error: string };

/** One of the two. `onReply` hears one reply a frame, later; `onEnded` when the place is gone by itself. */
export interface RasterPlace {
  tell(order: RasterOrder): void;
  end(): Promise<void>;
}

/** Who hears of it. */
export interface RasterEars {
  onReply(reply: RasterReply): void;
  onEnded(): void;
}

/**
 * Most multiply-adds of a network that is run here, by the fast kernel: a fraction of a millisecond, once a second. The
 * thread, which is there only while somebody looks, would take 19 MB.
 */
export const SYNAPSES_HERE_MAX = 2_000_000;

/** True when a second run of this network is too long for the event loop. */
export function needsThread(network: Network, kernel: KernelChoice): boolean {
  if (kernel.kind === "reference") return true;
  const synapses = network.layers.reduce((sum, layer) => sum + synapseCount(layer, inputShapeOf(network, layer)), 0);
  return synapses > SYNAPSES_HERE_MAX;
}

/** Opens a thread. */
export function openThread({ onReply, onEnded }: RasterEars): RasterPlace {
  const worker = new Worker(new URL("./raster_worker.ts", import.meta.url));
  worker.on("message", onReply);
  worker.on("error", (error: unknown) => {
    onReply({ error: textOf(error) });
    onEnded();
  });
  return {
    tell: (order) => worker.postMessage(order),
    end: async () => void await worker.terminate(),
  };
}

/** Opens a place here; the kernel is loaded with the first network. */
export function openHere({ onReply }: RasterEars): RasterPlace {
  let held: Promise<RasterRun> | null = null;
  return {
    tell(order) {
      if (order.kind === "network") {
        held = import("./raster_run.ts").then(({ RasterRun }) => new RasterRun(order.network, order.kernel));
        held.catch(() => {}); // told with the frame
        return;
      }
      held?.then((run) => onReply(run.run(order.bytes))).catch((error) => onReply({ error: textOf(error) }));
    },
    end: () => Promise.resolve(),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
