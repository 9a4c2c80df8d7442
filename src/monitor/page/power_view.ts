/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** Power and energy, each figure with what it covers and how it was come by. */

import type { FrameEvent } from "../events.ts";
import { element, setRows, setText } from "./dom.ts";
import { figure, scopeWords, withPrefix } from "./format.ts";

/** What a `power` message has of interest here. */
export interface PowerPayload {
  readonly window_s: number;
  readonly sources: readonly {
    readonly id: string;
    readonly scope: string;
    readonly method: string;
    readonly state: "ok" | "stale";
    readonly problem?: string;
    readonly power_w: number | null;
    readonly energy_total_j: number | null;
  }[];
  readonly total: { readonly source: string; readonly power_w: number; readonly method: string } | null;
  readonly per_inference: readonly {
    readonly source: string;
    readonly method: string;
    readonly energy_j: number;
    readonly idle_power_w: number | null;
    readonly dynamic_energy_j: number | null;
    readonly edp_js: number;
  }[];
}

/** Shows a window. */
export function showPower({ window_s: windowS, sources, total, per_inference: inferences }: PowerPayload): void {
  const measured = sources.filter(({ method }) => method === "measured");
  element("power-figure").hidden = total === null;
  if (total !== null) {
    setText("power-total", withPrefix(total.power_w, "W"));
    setText("power-method", `whole gateway, ${total.method} by ${total.source}, mean of ${figure(windowS)} s`);
  }
  element("power-empty").hidden = measured.length > 0;
  setText("power-empty", "No power meter found, so nothing here is measured: the verb doctor says what it looked for.");
  element("power-tables").hidden = sources.length === 0;
  setRows(
    "power-sources",
    sources.map(({ id, scope, method, state, problem, power_w: powerW, energy_total_j: energyJ }) => [
      id,
      { text: scopeWords(scope), className: "words" },
      methodCell(method),
      state === "stale"
        ? { text: problem === undefined ? "stale" : `stale: ${problem}`, className: "bad" }
        : powerW === null
        ? "–"
        : withPrefix(powerW, "W"),
      energyJ === null ? "–" : withPrefix(energyJ, "J"),
    ]),
  );
  element("inference-table").hidden = inferences.length === 0;
  setRows(
    "inferences",
    inferences.map((
      { source, method, energy_j: energyJ, dynamic_energy_j: dynamicJ, idle_power_w: idleW, edp_js: edp },
    ) => [
      source,
      methodCell(method),
      withPrefix(energyJ, "J"),
      dynamicJ === null ? "–" : withPrefix(dynamicJ, "J"),
      idleW === null ? "not measured yet" : withPrefix(idleW, "W"),
      withPrefix(edp, "Js"),
    ]),
  );
}

/** The energy model's figure, which is of a board that need not be there. */
export function showModel({ energy: { per_inference_uj: energyUj, method, scope } }: FrameEvent): void {
  setText(
    "power-model",
    `${withPrefix(energyUj / 1e6, "J")} a frame, ${method} for ${scopeWords(scope)}; not a reading.`,
  );
}

/** Says that no power is published. */
export function showNoPower(): void {
  setText("power-empty", "This gateway publishes no power.");
}

// ---------------------------------------------------------------------------------------------------------------------

function methodCell(method: string) {
  return { text: method, className: method === "estimated" ? "words estimated" : "words" };
}
