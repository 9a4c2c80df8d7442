/** What a conversion is asked for. Types only. */

import type { Convention } from "../core/network.ts";
import type { Dataset } from "../data/dataset.ts";
import type { KernelFactory } from "./measure.ts";
import type { Normalisation } from "./normalise.ts";
import type { Budget } from "./search.ts";

/** What to convert, and how. */
export interface ConvertOptions {
  readonly modelPath: string;
  readonly data: Dataset;
  /** The network's name; the file's by default. */
  readonly name?: string;
  /** Most images to calibrate with, drawn evenly from all; all by default. */
  readonly calibrationFrames?: number;
  /** Images to measure the finished network with, such as a test set; those that it was calibrated with by default. */
  readonly measureData?: Dataset;
  /** Most of them; all by default. */
  readonly measureFrames?: number;
  /** Most images for each trial of `auto`; 200 by default. */
  readonly searchFrames?: number;
  readonly percentile?: number | "auto";
  readonly tMax?: number | "auto";
  readonly convention?: Convention;
  readonly normalise?: Normalisation;
  readonly budget?: Partial<Budget>;
  /**
   * Give layers one more channel that brings what rounding leaves of their readers' biases. `auto`, the default, does so when
   * at least one image in 200 more then gets the source network's class. Not with `quartz-2023`, which has no such channels.
   */
  readonly exactBias?: boolean | "auto";
  /** Class names in the order of the outputs. */
  readonly labels?: readonly string[];
  /** The model's input is (byte / 255 − mean) / std; 0 and 1 by default. One number, or one a channel. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Kernel to search and measure with: the simulator's own by default. */
  readonly createKernel?: KernelFactory;
}

/** Called as work goes on; `stage` is a few words. */
export type Progress = (stage: string, done: number, total: number) => void;
