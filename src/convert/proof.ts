/** What a network file carries as proof of itself: measured accuracies and self-test vectors. */

import type { Network } from "../core/network.ts";
import { type Dataset, frameValues, toPlanar } from "../data/dataset.ts";
import { summarise } from "../model/summary.ts";
import { makeSelfTest } from "../simulator/self_test.ts";
import type { Images } from "./calibrate.ts";
import type { Measurement } from "./measure.ts";

const SELF_TEST_FRAMES = 8;
const SELF_TEST_BYTES_MAX = 2 ** 20;
const REFERENCE_FRAMES_MIN = 2;
const REFERENCE_FRAMES_MAX = 200;
/** Additions that the reference kernel makes in about half a minute. */
const REFERENCE_WORK = 1e10;

/** The network with what was measured of it, and with vectors by the reference kernel. */
export function withProof(
  network: Network,
  { images, annAccuracy, measurement }: { images: Images; annAccuracy: number | null; measurement: Measurement },
): Network {
  const measured = measurement.accuracy !== null;
  return {
    ...network,
    provenance: {
      ...network.provenance,
      annAccuracy,
      snnAccuracy: measurement.accuracy,
      snnAccuracyFrames: measured ? measurement.frames : null,
    },
    selfTest: makeSelfTest(network, selfTestFrames(images.data, referenceFrames(network))),
  };
}

/** Images for the reference kernel: about half a minute's worth. */
export function referenceFrames(network: Network): number {
  const { neurons, synapses } = summarise(network);
  const perFrame = 10 * synapses + 5 * network.tMax * neurons;
  return Math.max(REFERENCE_FRAMES_MIN, Math.min(REFERENCE_FRAMES_MAX, Math.floor(REFERENCE_WORK / perFrame)));
}

// ---------------------------------------------------------------------------------------------------------------------

/** A few images, evenly spread over the data set, as the network takes them; large ones fewer. */
function selfTestFrames(data: Dataset, countMax: number): Uint8Array {
  const size = frameValues(data);
  const count = Math.max(1, Math.min(SELF_TEST_FRAMES, countMax, data.count, Math.floor(SELF_TEST_BYTES_MAX / size)));
  const frames = new Uint8Array(count * size);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < count; i++) {
    data.frame(Math.floor(i * data.count / count), bytes);
    toPlanar(bytes, data.shape[2], frames.subarray(i * size, (i + 1) * size));
  }
  return frames;
}
