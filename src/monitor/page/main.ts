/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** Joins the gateway's events to the page. What comes faster than it can be read is drawn at the screen's pace. */

import type {
  CountsEvent,
  FrameEvent,
  HelloEvent,
  HistoryEvent,
  NoRasterEvent,
  RasterEvent,
  StatesEvent,
} from "../events.ts";
import { element, setText } from "./dom.ts";
import { count } from "./format.ts";
import { showFrame, showPicture, showStable, showStates, type StatePayload } from "./frame_view.ts";
import { addEvent, type EventPayload, type InfoPayload, showAccount, showHealth } from "./health_view.ts";
import { type LatencyPayload, LatencyView, showStages } from "./latency_view.ts";
import { type PowerPayload, showModel, showNoPower, showPower } from "./power_view.ts";
import { showNoRaster, showRaster } from "./raster_view.ts";
import { initTheme } from "./theme.ts";

const latency = new LatencyView();
let source: EventSource | null = null;
let hello: HelloEvent | null = null;
let info: InfoPayload | null = null;
let raster: RasterEvent | null = null;
/** A frame and the class that stood after it: they are shown together. */
let shown: { readonly frame: FrameEvent; readonly state: StatePayload | null } | null = null;
let state: StatePayload | null = null;
let isPaused = false;
let isDrawing = false;

/** What arrives, by its name. */
const HANDLERS: Readonly<Record<string, (data: never) => void>> = {
  hello: onHello,
  info: (data: InfoPayload) => void (info = data),
  history: onHistory,
  counts: onCounts,
  frame: onFrame,
  state: onState,
  states: onStates,
  latency: onLatency,
  power: onPower,
  raster: onRaster,
  no_raster: (data: NoRasterEvent) => showNoRaster(data),
  event: (data: EventPayload) => addEvent(data),
  missed: (data: { total: number }) =>
    setText(
      "footer",
      `This page was too slow for ${count(data.total)} updates and was shown newer ones. Counts are of all frames.`,
    ),
};

initTheme(() => {
  latency.redraw();
  if (raster !== null) showRaster(raster);
});
element("pause").addEventListener("click", togglePause);
element<HTMLSelectElement>("camera").addEventListener("change", (event) => {
  connect((event.target as HTMLSelectElement).value);
});
new ResizeObserver(() => raster !== null && showRaster(raster)).observe(element("raster").parentElement!);
connect("");

function connect(camera: string): void {
  source?.close();
  forget();
  const opened = new EventSource(camera === "" ? "/events" : `/events?camera=${encodeURIComponent(camera)}`);
  source = opened;
  for (const [name, handle] of Object.entries(HANDLERS)) {
    opened.addEventListener(name, (event) => {
      if (!isPaused && opened === source) handle(JSON.parse(event.data) as never);
    });
  }
  opened.onerror = () => {
    const pill = element("health");
    pill.dataset.state = "bad";
    // Closed for good: refused. A log-in that has run out is the likeliest reason.
    const isOver = opened.readyState === EventSource.CLOSED;
    setText("health", isOver ? "refused: load the page again" : "no connection, trying again");
  };
}

/** Nothing of one camera is shown as another's. */
function forget(): void {
  raster = shown = state = null;
}

function onHello(data: HelloEvent): void {
  hello = data;
  setText("gateway", data.gateway);
  document.title = `${data.gateway} · quartz-edge`;
  const select = element<HTMLSelectElement>("camera");
  select.replaceChildren(
    ...data.cameras.map(({ camera }) => new Option(camera, camera, false, camera === data.watched)),
  );
  element("camera-field").hidden = data.cameras.length < 2;
  element("logout").hidden = !data.has_token;
}

function onHistory(data: HistoryEvent): void {
  latency.restore(data.latency);
}

function onCounts(data: CountsEvent): void {
  if (hello === null) return;
  showAccount(data, hello.watched);
  showHealth(data, hello, { info, ranBy: shown?.frame.backend ?? null });
  if (data.uptime_s > 30 && element("power-tables").hidden) showNoPower();
}

/** Draws the newest frame when the screen is next drawn: in a tab that nobody sees, never. */
function onFrame(frame: FrameEvent): void {
  shown = { frame, state };
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    if (shown === null) return;
    showPicture(shown.frame);
    showFrame(shown.frame);
    showModel(shown.frame);
    if (shown.state !== null) showStable(shown.state);
  });
}

function onState(data: StatePayload): void {
  if (data.camera !== hello?.watched) return;
  state = data;
}

function onStates(data: StatesEvent): void {
  showStates(data);
}

function onLatency(data: LatencyPayload): void {
  if (data.camera !== hello?.watched) return;
  latency.add(data);
  latency.draw();
  showStages(data);
}

function onPower(data: PowerPayload): void {
  showPower(data);
}

function onRaster(data: RasterEvent): void {
  raster = data;
  requestAnimationFrame(() => raster !== null && showRaster(raster));
}

function togglePause(): void {
  isPaused = !isPaused;
  const button = element("pause");
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? "Paused" : "Pause";
}
