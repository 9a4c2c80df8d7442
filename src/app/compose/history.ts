/** The recorder of a gateway's history. */

import type { Config, HistoryConfig } from "../../config/types.ts";
import { HistoryRecorder } from "../../history/recorder.ts";
import { HistoryWriter } from "../../history/writer.ts";
import type { RuntimeObserver } from "../../runtime/runtime.ts";
import type { PartOptions } from "./options.ts";

/** Opens it. `onProblem` is told what is wrong with the file, and with null that it is over. */
export function openHistory(
  { gateway }: Config,
  { path, daysMax, bytesMax, everyS }: HistoryConfig,
  { clock, log }: PartOptions,
  onProblem: (text: string | null) => void,
): HistoryRecorder {
  const onNote = (text: string) => log("warn", text, { code: "history.note" });
  const writer = new HistoryWriter({ path, daysMax, bytesMax, clock, onProblem, onNote });
  return new HistoryRecorder({ writer, clock, gatewayId: gateway.id, intervalMs: everyS * 1000 });
}

/** Hands every answer to the recorder. */
export function historyObserver(history: HistoryRecorder): RuntimeObserver {
  return {
    onResult: (camera, { latencyUs, labels, classification }) =>
      history.onResult(camera, latencyUs, labels[classification.index]),
  };
}
