/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** The newest frame shown, as the network sees it; its scores; the stable class and those before it. */

import type { FrameEvent, StatesEvent } from "../events.ts";
import { element, make, setText, timeOfDay } from "./dom.ts";
import { count, figure, percent } from "./format.ts";

/** What a `state` message has of interest here. */
export interface StatePayload {
  readonly camera: string;
  readonly class: string;
  readonly confidence: number;
  readonly since: string;
}

/** Draws the pixels: grey, or the first three channels as red, green and blue. */
export function showPicture({ bytes, shape, class: name, frame }: FrameEvent): void {
  const [channels, height, width] = shape;
  const canvas = element<HTMLCanvasElement>("picture");
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const values = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  const area = width * height;
  for (let pixel = 0; pixel < area; pixel++) {
    for (let part = 0; part < 3; part++) {
      image.data[4 * pixel + part] = values[(channels >= 3 ? part : 0) * area + pixel];
    }
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  canvas.setAttribute("aria-label", `Frame ${frame.id} as the network sees it, taken for ${name}`);
}

/** The words and bars beside the picture. */
export function showFrame(event: FrameEvent): void {
  const { shape, frame, classes, index, classes_left_out: leftOut, truth, tie, latency_ms: latencyMs, snn } = event;
  const [channels, height, width] = shape;
  const color = channels === 1 ? "grey" : channels === 3 ? "colour" : `${channels} channels`;
  setText("picture-note", `${width} × ${height}, ${color}, frame ${count(frame.id)}`);
  const verdict = truth === null ? "" : truth === event.class ? ", which is right" : `; in truth ${truth}`;
  const words = [
    `Taken for ${event.class}${verdict}${tie ? " (a tie)" : ""} in ${figure(latencyMs)} ms`,
    `decided at step ${snn.decision_step} of ${snn.timesteps}`,
    ...(leftOut > 0 ? [`${count(leftOut)} less likely classes not listed`] : []),
  ];
  setText("bars-note", `${words.join(", ")}.`);
  showBars(classes, index);
}

/** The class that stands. */
export function showStable(state: StatePayload): void {
  setText("stable", state.class);
  setText("stable-note", `score ${percent(state.confidence)}, since ${timeOfDay(state.since)}`);
}

/** The classes that stood before, newest first. */
export function showStates({ states, changes }: StatesEvent): void {
  const list = element("states");
  setText("states-note", changes === 0 ? "" : `${count(changes)} changes since the gateway started, newest first`);
  const newest = [...states].reverse();
  if (newest.length === 0) return;
  list.replaceChildren(...newest.map(({ class: name, since }) => {
    const time = make("time", "since", timeOfDay(since)) as HTMLTimeElement;
    time.dateTime = since;
    return make("li", "", `${name} `, time);
  }));
}

// ---------------------------------------------------------------------------------------------------------------------

function showBars(classes: FrameEvent["classes"], best: number): void {
  const list = element("bars");
  while (list.children.length > classes.length) list.lastElementChild!.remove();
  while (list.children.length < classes.length) {
    const track = make("span", "track", make("span", "fill"));
    list.append(make("li", "", make("span", "name"), track, make("span", "share")));
  }
  classes.forEach(({ class: name, index, p }, at) => {
    const item = list.children[at];
    item.className = index === best ? "best" : "";
    item.querySelector(".name")!.textContent = name;
    item.querySelector(".share")!.textContent = percent(p);
    item.querySelector<HTMLElement>(".fill")!.style.transform = `scaleX(${p})`;
  });
}
