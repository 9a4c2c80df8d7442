/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** Where frames went, how the gateway is, and what happened. */

import type { CountsEvent, HelloEvent } from "../events.ts";
import { element, make, setRows, setText, timeOfDay } from "./dom.ts";
import { account, count, duration, figure, megabytes } from "./format.ts";

const EVENTS_SHOWN = 12;

/** What an `event` message has of interest here. */
export interface EventPayload {
  readonly ts: string;
  readonly event: string;
  readonly text: string;
}

/** What an `info` message has of interest here. */
export interface InfoPayload {
  readonly version: string;
  readonly runtime: { readonly name: string; readonly version: string };
}

/** Frames of one camera, adding up before the reader's eyes. */
export function showAccount(counts: CountsEvent, watched: string): void {
  const camera = counts.cameras.find((one) => one.camera === watched);
  if (camera === undefined) return;
  const { frames, rate_fps: rate } = camera;
  const { dropped, addsUp } = account(frames);
  setText("rate", rate === null ? "–" : figure(rate));
  const sum =
    `captured ${count(frames.captured)} = classified ${count(frames.classified)} + dropped ${count(dropped)} + ` +
    `in flight ${count(frames.in_flight)}`;
  const verdict = addsUp
    ? make("span", "sum", " ✓ adds up")
    : make("span", "broken", " does not add up: please report this");
  element("equation").replaceChildren(sum, verdict);
  const bar = element("account-bar");
  bar.setAttribute("aria-label", `${sum}${addsUp ? ", which adds up" : ""}`);
  const parts = [["classified", frames.classified], ["dropped", dropped], ["flight", frames.in_flight]] as const;
  if (bar.children.length === 0) bar.append(...parts.map(([name]) => make("span", name)));
  parts.forEach(([, value], at) => (bar.children[at] as HTMLElement).style.flexGrow = String(value));
  const share = (value: number) => frames.captured === 0 ? "–" : `${(100 * value / frames.captured).toFixed(2)} %`;
  const row = (name: string, value: number) => [name, count(value), share(value)];
  setRows("account", [
    row("classified", frames.classified),
    row("dropped: a newer frame came first", frames.dropped_busy),
    row("dropped: too old when its turn came", frames.dropped_stale),
    row("dropped: not an image", frames.dropped_malformed),
    row("dropped: the back end failed", frames.dropped_failed),
    row("in flight", frames.in_flight),
  ]);
}

/** Status, links and problems. @param ranBy what ran the newest frame shown, which another may have stood in for */
export function showHealth(
  counts: CountsEvent,
  hello: HelloEvent,
  { info, ranBy }: { readonly info: InfoPayload | null; readonly ranBy: string | null },
): void {
  const { problems, broker } = counts;
  const pill = element("health");
  pill.dataset.state = problems.length === 0 ? "ok" : "bad";
  setText(
    "health",
    problems.length === 0 ? "all well" : problems.length === 1 ? "1 problem" : `${problems.length} problems`,
  );
  element("problems").hidden = problems.length === 0;
  setList("problem-list", problems.map(({ what, since, text }) => `${what}: ${text} (since ${timeOfDay(since)})`));
  const camera = counts.cameras.find((one) => one.camera === hello.watched);
  const description = hello.cameras.find((one) => one.camera === hello.watched);
  setPairs("links", [
    ["Back end", backEndWords(camera?.backend ?? "–", ranBy)],
    ["Camera", camera === undefined ? "–" : `${camera.camera}, ${camera.status}`],
    [
      "Network",
      description === undefined ? "–" : `${description.network}, t_max ${description.t_max}, ${description.convention}`,
    ],
    ["SHA-256", description === undefined ? "–" : `${description.sha256.slice(0, 16)}…`],
    [
      "Broker",
      `${broker.state}: ${count(broker.published)} published, ${count(broker.queued)} waiting, ${
        count(broker.dropped)
      } lost`,
    ],
    ["Running for", duration(counts.uptime_s)],
    ["Memory", megabytes(counts.rss_bytes)],
    ["Viewers", count(counts.viewers)],
    ["Version", info === null ? hello.version : `${info.version} on ${info.runtime.name} ${info.runtime.version}`],
  ]);
}

/** Something happened. */
export function addEvent({ ts, text }: EventPayload): void {
  const list = element("events");
  list.querySelector(".note")?.remove();
  list.prepend(make("li", "", make("span", "unit", `${timeOfDay(ts)} `), text));
  while (list.children.length > EVENTS_SHOWN) list.lastElementChild!.remove();
}

// ---------------------------------------------------------------------------------------------------------------------

function backEndWords(backend: string, ranBy: string | null): string {
  return ranBy === null || ranBy === backend ? backend : `${backend}; the ${ranBy} stands in for it now`;
}

/** A list of lines; those that stay are left alone, so that a screen reader hears only what is new. */
function setList(id: string, lines: readonly string[]): void {
  const list = element(id);
  const items = [...list.children];
  items.filter((item) => !lines.includes(item.textContent ?? "")).forEach((item) => item.remove());
  const there = new Set([...list.children].map((item) => item.textContent));
  for (const line of lines) if (!there.has(line)) list.append(make("li", "", line));
}

function setPairs(id: string, pairs: readonly (readonly [string, string])[]): void {
  const list = element(id);
  if (list.children.length !== 2 * pairs.length) {
    list.replaceChildren(...pairs.flatMap(([name]) => [make("dt", "", name), make("dd", "")]));
  }
  pairs.forEach(([, value], at) => {
    const target = list.children[2 * at + 1];
    if (target.textContent !== value) target.textContent = value;
  });
}
