/** The camera that other tests play scripts with keeps the contract of cameras, so those tests prove something. */

import { scriptedCamera } from "../support/runtime_parts.ts";
import { testCamera } from "./camera_suite.ts";

const SCRIPT = [{ byte: 0 }, "malformed", { byte: 255 }, { byte: 7 }] as const;

testCamera({
  name: "scripted camera",
  open: (clock) => Promise.resolve(scriptedCamera(SCRIPT, clock, "on_demand")),
  pacing: "on_demand",
  rateFps: null,
  frames: SCRIPT.length,
  classes: 2,
  malformed: [1],
});
