/** The back ends of this project, held to one suite. */

import { openSimulator } from "../../src/simulator/simulator.ts";
import { testBackend } from "./backend_suite.ts";

testBackend({ name: "simulator", open: openSimulator });
