/** The demo as a picture in a terminal: the frame as the network sees it, class bars, speed, latency and cost. Pure: state to text. */

import type { Method } from "../core/messages.ts";
import type { Shape } from "../core/shape.ts";

/** Everything the picture shows. */
export interface DemoState {
  readonly title: string;
  readonly labels: readonly string[];
  /** `[channels, height, width]` bytes at `shape`. */
  readonly bytes: Uint8Array;
  readonly shape: Shape;
  readonly probabilities: ArrayLike<number>;
  /** Class answered and class that is true (−1: unknown). */
  readonly answer: number;
  readonly truth: number;
  readonly frames: number;
  readonly correct: number;
  readonly judged: number;
  readonly dropped: number;
  readonly published: number;
  readonly received: number;
  readonly framesPerSecond: number;
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly decisionStep: number;
  readonly timesteps: number;
  readonly synopsEvents: number;
  readonly synopsAll: number;
  readonly energyUj: number;
  readonly machine: MachinePower | null;
}

/** What the machine drew over the last window, by a source that covers all of it. */
export interface MachinePower {
  readonly source: string;
  readonly method: Method;
  readonly powerW: number;
  readonly energyJPerFrame: number | null;
}

/** Columns of a class bar. */
const BAR_COLUMNS = 24;
/** Largest picture, columns; a wider input is drawn with fewer. */
const PICTURE_COLUMNS_MAX = 48;
const CLASSES_SHOWN_MAX = 10;

/** The picture as lines. `color` false leaves out all escape codes and draws greys as characters. */
export function renderDemo(state: DemoState, color: boolean): string[] {
  const picture = renderPicture(state.bytes, state.shape, color);
  const panel = renderPanel(state, color);
  const width = Math.min(state.shape[2], PICTURE_COLUMNS_MAX);
  const lines = [bold(state.title, color), ""];
  for (let row = 0; row < Math.max(picture.length, panel.length); row++) {
    lines.push(`${picture[row] ?? " ".repeat(width)}   ${panel[row] ?? ""}`);
  }
  return lines;
}

// ---------------------------------------------------------------------------------------------------------------------

function renderPanel(state: DemoState, color: boolean): string[] {
  const labelWidth = Math.max(...state.labels.map((label) => label.length));
  const best = Array.from(state.labels.keys())
    .sort((a, b) => state.probabilities[b] - state.probabilities[a])
    .slice(0, CLASSES_SHOWN_MAX)
    .sort((a, b) => a - b);
  const bars = best.map((index) => {
    const share = state.probabilities[index];
    const bar = "█".repeat(Math.round(share * BAR_COLUMNS)).padEnd(BAR_COLUMNS, "·");
    const text = `${state.labels[index].padStart(labelWidth)} ${bar} ${(100 * share).toFixed(0).padStart(3)} %`;
    return index === state.answer ? bold(text, color) : text;
  });
  const verdict = state.truth < 0
    ? ""
    : state.truth === state.answer
    ? " (right)"
    : ` (truth: ${state.labels[state.truth]})`;
  const accuracy = state.judged === 0 ? "–" : `${(100 * state.correct / state.judged).toFixed(1)} %`;
  return [
    ...bars,
    "",
    `answer    ${state.labels[state.answer]}${verdict}, decided at step ${state.decisionStep} of ${state.timesteps}`,
    `frames    ${state.frames} at ${
      state.framesPerSecond.toFixed(0)
    } a second, ${state.dropped} dropped, accuracy ${accuracy}`,
    `latency   p50 ${state.latencyMsP50.toFixed(2)} ms, p99 ${state.latencyMsP99.toFixed(2)} ms, capture to decision`,
    `synops    ${state.synopsEvents} by spikes above zero, ${state.synopsAll} with zeros`,
    `energy    ${state.energyUj.toFixed(1)} µJ a frame, estimated for the cores of a Loihi board`,
    `machine   ${machineText(state.machine)}`,
    `mqtt      ${state.published} results published, ${state.received} received`,
  ];
}

function machineText(machine: MachinePower | null): string {
  if (machine === null) return "power not measured: no meter that covers it (list-devices says what there is)";
  const { source, method, powerW, energyJPerFrame } = machine;
  const each = energyJPerFrame === null ? "" : `, ${(1000 * energyJPerFrame).toPrecision(3)} mJ a frame`;
  return `${powerW.toPrecision(3)} W${each}, ${method} by ${source}`;
}

/** Two pixel rows a text row. */
function renderPicture(bytes: Uint8Array, shape: Shape, color: boolean): string[] {
  const [channels, height, width] = shape;
  const step = Math.ceil(width / PICTURE_COLUMNS_MAX);
  const at = (channel: number, y: number, x: number) =>
    y < height ? bytes[((channel % channels) * height + y) * width + x] : 0;
  const rgb = (y: number, x: number) => `${at(0, y, x)};${at(1, y, x)};${at(2, y, x)}`;
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2 * step) {
    let line = "";
    for (let x = 0; x < width; x += step) {
      if (color) line += `\x1b[38;2;${rgb(y, x)}m\x1b[48;2;${rgb(y + step, x)}m▀`;
      else line += SHADES[Math.floor((at(0, y, x) + at(0, y + step, x)) * SHADES.length / 511)];
    }
    lines.push(color ? `${line}\x1b[0m` : line);
  }
  return lines;
}

const SHADES = " .:-=+*#%@";

function bold(text: string, color: boolean): string {
  return color ? `\x1b[1m${text}\x1b[0m` : text;
}
