/** Hosts the second run of sampled frames in a thread of its own, off the frame's path. Started by `raster_place.ts`. */

import { parentPort } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import type { RasterOrder, RasterReply } from "./raster_place.ts";
import { RasterRun } from "./raster_run.ts";

assert(parentPort !== null, "raster_worker.ts runs as a worker only");
const port = parentPort;
let held: RasterRun | null = null;

port.on("message", (order: RasterOrder) => {
  try {
    if (order.kind === "network") held = new RasterRun(order.network, order.kernel);
    else port.postMessage(held!.run(order.bytes) satisfies RasterReply);
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies RasterReply);
  }
});
