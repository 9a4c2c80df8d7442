/** What a module of its own exports, for machines with relaxed SIMD. It works in the same memory. */

export { runDepthwise } from "./depthwise";
