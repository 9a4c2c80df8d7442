/** What a second thread gives: to frames of several cameras, each with a simulator of its own, and to one large frame. */

import type { Network } from "../../../src/core/network.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { DEFAULT_KERNEL } from "../../../src/simulator/choose_kernel.ts";
import { openSimulator } from "../../../src/simulator/simulator.ts";
import { interleave, median, pairedRatio } from "./measure.ts";
import { randomFrame } from "./networks.ts";
import type { Peer } from "./peers.ts";

/** Times of one network. */
export interface ThreadRow {
  readonly network: string;
  /** One simulator, one thread; µs a frame. */
  readonly usOne: number;
  /** Frames a second of two simulators at once, over those of one. */
  readonly framesSpeedUp: number;
  /** Time of a frame on one thread, over that of one that two threads share. */
  readonly frameSpeedUp: number;
}

/** Times `network` on one and two threads, interleaved. */
export async function timeThreads(network: Network, options: { rounds: number; batchMs: number }): Promise<ThreadRow> {
  await using first = await openPeer("one", network, 1);
  await using second = await openPeer("two", network, 1);
  await using shared = await openPeer("shared", network, 2);
  const both: Peer = {
    name: "both",
    run: async (frame) => void await Promise.all([first.run(frame), second.run(frame)]),
  };
  const [one, two, split] = await interleave([first, both, shared], options);
  return {
    network: network.name,
    usOne: median(one.rounds),
    framesSpeedUp: 2 * pairedRatio(one, two)!,
    frameSpeedUp: pairedRatio(one, split)!,
  };
}

async function openPeer(name: string, network: Network, threads: number): Promise<Peer & AsyncDisposable> {
  const simulator = await openSimulator(network, DEFAULT_KERNEL, { threads });
  const output = createInferenceOutput(network);
  const frames = [1, 2, 3, 4].map((seed) => randomFrame(network, seed));
  return {
    name,
    run: (frame) => simulator.run(frames[frame % frames.length], output),
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  };
}
