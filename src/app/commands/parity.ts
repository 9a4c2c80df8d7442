/** `parity`: a board and the simulator of the same integers, spike for spike. */

import { openTransport, parseLinkAddress } from "../../../devices/transport/address.ts";
import { recordTransport } from "../../../devices/transport/recorder.ts";
import type { Clock } from "../../core/clock.ts";
import { createInferenceOutput } from "../../core/results.ts";
import { sizeOf } from "../../core/shape.ts";
import { rejectedPackets } from "../../link/link_stats.ts";
import { type FrameResult, NO_SPIKE } from "../../link/messages/result.ts";
import { openBoard } from "../../loihi/board_file.ts";
import { type BoardLink, openBoardLink } from "../../loihi/board_link.ts";
import { openNetwork } from "../../model/load.ts";
import type { Kernel } from "../../simulator/kernel.ts";
import { createReferenceKernel } from "../../simulator/kernel_reference.ts";
import { type BoardFrames, openBoardFrames } from "../board_frames.ts";
import type { CommandOf } from "../command_table.ts";
import { ProgressBar } from "../console.ts";
import { EXIT_CODES } from "../exit_codes.ts";
import { createLog } from "../log.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";

/** Frames unless told otherwise. */
const FRAMES = 100;
/** Longest wait for a board that has gone in the middle, ms. */
const AWAY_WAIT_MS = 10_000;

/** What was compared, and what was found. */
export interface Parity {
  frames: number;
  /** Frames without an answer; the rest were compared. */
  failed: number;
  spikes: number;
  spikeMismatches: number;
  labelMismatches: number;
  /** Frames in which a register of the board wrapped or clipped: there the board may differ, and says so. */
  overflowFrames: number;
  /** By layer, all neurons; null unless `--full`. */
  layers: { readonly name: string; spikes: number; mismatches: number }[] | null;
  framesPerSecond: number;
}

/** Runs the frames on both, and prints the comparison; exit code 1 when anything differed or had no answer. */
export async function runParity(command: CommandOf<"parity">, context: CommandContext): Promise<number> {
  const { console, clock, random, signal } = context;
  const network = await openNetwork(command.network);
  const address = parseLinkAddress(command.link);
  const log = createLog({ level: "info", format: "auto", clock, console });
  const open = () => openTransport(address, clock);
  const { record } = command;
  const link = await openBoardLink(network, {
    board: await openBoard(command.board ?? "nahuku-32"),
    openTransport: record === null ? open : async () => recordTransport(await open(), { path: record, clock }),
    clock,
    random,
    log,
    name: `quartz-edge ${VERSION}`,
    awayWaitMs: AWAY_WAIT_MS,
    mustConnect: true,
    config: { options: { earlyStop: false, keepSpikes: command.full }, telemetryIntervalMs: 0 },
  });
  try {
    const frames = await openBoardFrames(link.network, command.data);
    const bar = new ProgressBar(console, "parity", () => clock.nowUs());
    const count = command.frames ?? FRAMES;
    const onFrame = (done: number, text: string | null) => {
      if (text !== null) console.note(text);
      bar.update(done, count);
    };
    const parity = await compare({ link, frames, count, isFull: command.full, clock, signal, onFrame });
    const { failed, spikeMismatches, labelMismatches } = parity;
    const stats = link.session?.stats;
    const facts = {
      network: network.name,
      image: link.image.sha256,
      board: link.session?.caps.boardName ?? null,
      agent: link.session?.caps.agentName ?? null,
      link: command.link,
    };
    const counts = { ...link.counts, retries: stats?.retries ?? 0, rejected: stats ? rejectedPackets(stats) : 0 };
    if (command.json) console.print(JSON.stringify({ ...facts, ...parity, counts }));
    else for (const line of formatParity(parity, facts)) console.print(line);
    const layers = parity.layers?.reduce((sum, { mismatches }) => sum + mismatches, 0) ?? 0;
    const isEqual = failed + spikeMismatches + labelMismatches + layers === 0 && parity.frames === count;
    return isEqual ? EXIT_CODES.ok.code : EXIT_CODES.failure.code;
  } finally {
    await link[Symbol.asyncDispose]();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Comparing {
  readonly link: BoardLink;
  readonly frames: BoardFrames;
  readonly count: number;
  readonly isFull: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onFrame: (done: number, mismatch: string | null) => void;
}

/** A frame on its way to the board. */
interface Sent {
  readonly index: number;
  readonly levels: Int16Array;
  readonly answer: Promise<FrameResult | Error>;
}

/** Frames under way at a time, so that the board never waits for the simulator. */
const FRAMES_AHEAD = 4;

async function compare({ link, frames, count, isFull, clock, signal, onFrame }: Comparing): Promise<Parity> {
  const { network, image } = link;
  const kernel = createReferenceKernel(network);
  const output = createInferenceOutput(network);
  const layers = isFull ? network.layers.map(({ name }) => ({ name, spikes: 0, mismatches: 0 })) : null;
  const parity: Parity = {
    frames: 0,
    failed: 0,
    spikes: 0,
    spikeMismatches: 0,
    labelMismatches: 0,
    overflowFrames: 0,
    layers,
    framesPerSecond: 0,
  };
  const startUs = clock.nowUs();
  const sent: Sent[] = [];
  const send = (index: number) => {
    const levels = new Int16Array(sizeOf(network.input.shape));
    frames.read(index, levels);
    sent.push({ index, levels, answer: link.runFrame(levels).catch((error: Error) => error) });
  };
  for (let index = 0; index < Math.min(count, FRAMES_AHEAD); index++) send(index);
  for (let first = sent.shift(); first !== undefined; first = sent.shift()) {
    const answer = await first.answer;
    if (first.index + FRAMES_AHEAD < count && !signal.aborted) send(first.index + FRAMES_AHEAD);
    parity.frames++;
    if (answer instanceof Error) {
      parity.failed++;
      onFrame(parity.frames, `frame ${first.index}: no answer: ${answer.message}`);
      continue;
    }
    kernel.run(first.levels, output);
    const { current, voltage, sum } = answer.overflows;
    if (current + voltage + sum > 0) parity.overflowFrames++;
    onFrame(parity.frames, compareOutputs(parity, { index: first.index, answer, levels: output.levels, image }));
    if (layers !== null) await compareLayers(layers, link, { number: answer.number, kernel });
  }
  parity.framesPerSecond = parity.frames / ((clock.nowUs() - startUs) / 1e6);
  return parity;
}

/** Counts the outputs of one frame. @returns what differed, for people */
function compareOutputs(
  parity: Parity,
  { index, answer, levels, image }: {
    readonly index: number;
    readonly answer: FrameResult;
    readonly levels: Int16Array;
    readonly image: BoardLink["image"];
  },
): string | null {
  const { zeroStep } = image.layers[image.layers.length - 1];
  const wrong: string[] = [];
  levels.forEach((level, output) => {
    parity.spikes++;
    const step = answer.firstSteps[output];
    if (step === zeroStep - level) return;
    parity.spikeMismatches++;
    wrong.push(`output ${output} fired at ${formatStep(step)}, not ${zeroStep - level}`);
  });
  const label = levels.indexOf(Math.max(...levels));
  if (answer.winner !== label) {
    parity.labelMismatches++;
    wrong.push(`label ${answer.winner}, not ${label}`);
  }
  return wrong.length === 0 ? null : `frame ${index}: ${wrong.join("; ")}`;
}

async function compareLayers(
  layers: NonNullable<Parity["layers"]>,
  { session, image }: BoardLink,
  { number, kernel }: { readonly number: number; readonly kernel: Kernel },
): Promise<void> {
  for (const [index, tally] of layers.entries()) {
    const { first, zeroStep } = image.layers[index];
    // Where a flatten or concat passes the input on there are no neurons.
    const hasNeuron = (neuron: number) => image.neuronCompartments[first + neuron] >= 0;
    const levels = kernel.levelsOf(index);
    if (!levels.some((_, neuron) => hasNeuron(neuron))) continue;
    const steps = await session?.readSpikes(number, index);
    if (steps === undefined) continue;
    levels.forEach((level, neuron) => {
      if (!hasNeuron(neuron)) return;
      tally.spikes++;
      if (steps[neuron] !== zeroStep - level) tally.mismatches++;
    });
  }
}

function formatParity(parity: Parity, facts: { network: string; board: string | null; link: string }): string[] {
  const { frames, failed, spikes, spikeMismatches, labelMismatches, overflowFrames, layers } = parity;
  const lines = [
    `${facts.network} on ${facts.board ?? "a board that has gone"} over ${facts.link}: ${frames} frames, ${
      parity.framesPerSecond.toFixed(0)
    } a second with the simulator beside`,
    `labels   ${labelMismatches} mismatches in ${frames - failed} frames`,
    `spikes   ${spikeMismatches} mismatches in ${spikes} output spikes`,
    `answers  ${failed} frames without one, ${overflowFrames} with a register that wrapped or clipped`,
  ];
  for (const { name, spikes, mismatches } of layers ?? []) lines.push(`  ${name}: ${mismatches} of ${spikes} spikes`);
  return lines;
}

function formatStep(step: number): string {
  return step === NO_SPIKE ? "no step" : `${step}`;
}
