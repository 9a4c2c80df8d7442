/**
 * Time and energy of a frame on a board, from counts and the board file: always `estimated`.
 *
 * Three figures for the same frame, which differ by a factor of 100 and must never be mixed:
 * * *core-dynamic*: neuron updates and synaptic operations of the neuro-cores;
 * * *attributable*: neuro-cores and embedded processors in use, static power included;
 * * *board*: everything that the board draws while the frame lasts, idle chips included.
 *
 * Against the five measured frames of the authors' MNIST network (t_max 8 to 128): core-dynamic within 17 %, time within 1 %.
 */

import { coreDynamicUj } from "../core/core_energy.ts";
import type { Board } from "./board.ts";
import type { ChipCounters } from "./chip/chip.ts";
import { type BoardImage, compartmentCount } from "./compile/image.ts";

/** What a frame did. */
export interface FrameActivity {
  /** Compartments that are updated in every step. */
  readonly compartments: number;
  readonly cores: number;
  readonly steps: number;
  readonly synops: number;
  /** Spikes that the host injects. */
  readonly inputSpikes: number;
}

/** The activity of the frame that a chip model ran last, as the counters have it. */
export function activityOf(image: BoardImage, counters: Readonly<ChipCounters>): FrameActivity {
  const { steps, synops, inputSpikes } = counters;
  return { compartments: compartmentCount(image), cores: image.cores.length, steps, synops, inputSpikes };
}

/** What it cost. */
export interface FrameCost {
  readonly method: "estimated";
  /** From the first step to the last, input included. */
  readonly latencyMs: number;
  readonly coreDynamicUj: number;
  /** Neuro-cores and embedded processors, static and dynamic. */
  readonly attributableUj: number;
  /** Null when the board's idle power is not known. */
  readonly boardUj: number | null;
  /** Energy-delay product, µJ·s. */
  readonly edpUjs: number;
  /** Attributable energy of all steps · time of all steps. */
  readonly edpConvention: "attributable_all_steps";
  /** Mean power over the frame by supply; `board` only where it is known. */
  readonly powerMw: { readonly cores: number; readonly x86: number; readonly board: number | null };
}

/** Estimates one frame; one embedded processor is in use, on the chip that takes the input. */
export function estimateFrame(board: Board, activity: FrameActivity): FrameCost {
  const { energy } = board;
  const latencyMs = frameLatencyMs(board, activity);
  const dynamicUj = coreDynamicUj(
    { neuronUpdatePj: energy.neuronUpdatePj.value, synopPj: energy.synopPj.value },
    { neuronUpdates: activity.compartments * activity.steps, synops: activity.synops },
  );
  // mW · ms = µJ.
  const coreDynamicMw = dynamicUj / latencyMs;
  const busy = Math.min(1, activity.inputSpikes * energy.x86BusyUs.value / 1000 / latencyMs);
  const codeMw = energy.x86CodeMw.value * busy;
  const cores = coreDynamicMw + energy.coreStaticMw.value * activity.cores;
  const x86 = energy.x86StaticMw.value + energy.x86ClockMw.value + codeMw;
  // The idle board runs the processors' clocks already: what a frame adds is what the cores and the code do.
  const boardMw = energy.boardIdleMw === null ? null : energy.boardIdleMw.value + coreDynamicMw + codeMw;
  const attributableUj = (cores + x86) * latencyMs;
  return {
    method: "estimated",
    latencyMs,
    coreDynamicUj: dynamicUj,
    attributableUj,
    boardUj: boardMw === null ? null : boardMw * latencyMs,
    edpUjs: attributableUj * latencyMs / 1000,
    edpConvention: "attributable_all_steps",
    powerMw: { cores, x86, board: boardMw },
  };
}

/** Time of a frame: bound by the host's spikes or by the steps. */
export function frameLatencyMs(board: Board, activity: Pick<FrameActivity, "steps" | "inputSpikes">): number {
  const { inputSpikeUs, frameUs, stepUs } = board.stepDuration;
  return Math.max(activity.inputSpikes * inputSpikeUs, frameUs + activity.steps * stepUs) / 1000;
}
