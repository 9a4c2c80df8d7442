/** What the module exports. Memory comes from outside; its layout is the TypeScript side's (`fast/records.ts`). */

export { runTiles } from "./tiles";
export { runPoints } from "./points";
export { runScatter } from "./scatter";
export { runMerged } from "./merge";
export { runTaps } from "./taps";
export { runAveragePool, runMaxPool } from "./pools";
export { countEvents } from "./count_events";
export { narrowLevels, packLevels } from "./maps";
