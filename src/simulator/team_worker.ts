/** A helper thread: does its part of the steps that the simulator's worker posts, and nothing else. */

import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { type HelperStart, serveTeam } from "./fast/team.ts";

assert(parentPort !== null, "team_worker.ts runs as a worker only");
parentPort.postMessage(null);
// Its event loop never turns again: only `terminate` ends it.
serveTeam(workerData as HelperStart);
