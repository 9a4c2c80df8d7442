/** Interleaved timing: every round times every peer once, so that what disturbs the machine disturbs all of them. */

import type { Peer } from "./peers.ts";

/** Times of one peer. */
export interface Times {
  readonly name: string;
  /** µs a frame, one a round. */
  readonly rounds: number[];
}

/**
 * Times peers.
 *
 * @param batchMs how long each peer runs in a round, about
 */
export async function interleave(
  peers: readonly Peer[],
  options: { rounds: number; batchMs: number },
): Promise<Times[]> {
  const times = peers.map((peer): Times => ({ name: peer.name, rounds: [] }));
  const counts: number[] = [];
  for (const peer of peers) {
    // Warm: the engine compiles hot code in the background, then a first guess at the size of a batch.
    await timeBatch(peer, 3);
    const us = await timeBatch(peer, 3);
    const warm = Math.min(2000, Math.ceil(300_000 / us));
    counts.push(Math.max(1, Math.round(options.batchMs * 1000 / (await timeBatch(peer, Math.max(1, warm))))));
  }
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < peers.length; i++) {
      // The order turns, so that nobody always follows the same neighbour.
      const at = (i + round) % peers.length;
      times[at].rounds.push(await timeBatch(peers[at], counts[at]));
    }
  }
  return times;
}

/** Middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Middle of the ratios round by round. */
export function pairedRatio(ours: Times, theirs: Times | undefined): number | null {
  if (theirs === undefined) return null;
  return median(ours.rounds.map((us, round) => us / theirs.rounds[round]));
}

async function timeBatch(peer: Peer, count: number): Promise<number> {
  const start = performance.now();
  for (let frame = 0; frame < count; frame++) {
    const result = peer.run(frame);
    if (result !== undefined) await result;
  }
  return (performance.now() - start) * 1000 / count;
}
