/** Energy of an inference: what a source drew in a window over the inferences of the same window. */

import type { EnergyPerInference } from "../core/messages.ts";
import type { ChannelWindow } from "./channel_window.ts";

/** What `edpJs` means; published in `info`. */
export const EDP_CONVENTION =
  "energy_j of the source (gross, whole window over its inferences) times the median end-to-end latency (capture to " +
  "decision) of the same window, J s";

/** A source whose samples cover less, or more, of the window than this is not of the same window: it gives no figure. */
const COVER_MIN = 0.9;
const COVER_MAX = 1.1;

/** One entry a source that covers the window; empty when the window had no inference. */
export function energyPerInference(
  channels: readonly ChannelWindow[],
  window: { readonly windowUs: number; readonly inferences: number; readonly latencyMsP50: number },
): EnergyPerInference[] {
  const { windowUs, inferences, latencyMsP50 } = window;
  if (inferences === 0) return [];
  const entries: EnergyPerInference[] = [];
  for (const { channel, measured, idle } of channels) {
    if (measured === null) continue;
    const cover = measured.coveredUs / windowUs;
    if (cover < COVER_MIN || cover > COVER_MAX) continue;
    const secondsEach = windowUs / 1e6 / inferences;
    // A model of inferences counts them and not the time, and knows nothing of idling.
    const isOfInferences = channel.scope === "inference";
    const energyJ = isOfInferences ? measured.energyJ / inferences : measured.powerW * secondsEach;
    const idlePowerW = isOfInferences ? null : idle.powerW;
    entries.push({
      source: channel.id,
      scope: channel.scope,
      method: channel.method,
      inferences,
      energyJ,
      idlePowerW,
      dynamicEnergyJ: idlePowerW === null ? null : energyJ - idlePowerW * secondsEach,
      edpJs: energyJ * latencyMsP50 / 1000,
    });
  }
  return entries;
}
