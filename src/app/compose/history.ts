/** The recorder of a gateway's history, as a companion of its runtime. */

import type { Config, HistoryConfig } from "../../config/types.ts";
import { HistoryRecorder } from "../../history/recorder.ts";
import { HistoryWriter } from "../../history/writer.ts";
import type { Companion, CompanionWires } from "./companions.ts";
import type { PartOptions } from "./options.ts";

/** Opens it; what is wrong with its file stands in health as the problem `history`. */
export function openHistory(
  { gateway }: Config,
  { path, daysMax, bytesMax, everyS }: HistoryConfig,
  { setProblem }: Pick<CompanionWires, "setProblem">,
  { clock, log }: PartOptions,
): Companion {
  const writer = new HistoryWriter({
    path,
    daysMax,
    bytesMax,
    clock,
    onProblem: (text) => setProblem("history", text),
    onNote: (text) => log("warn", text, { code: "history.note" }),
  });
  const recorder = new HistoryRecorder({ writer, clock, gatewayId: gateway.id, intervalMs: everyS * 1000 });
  return {
    name: "history",
    listener: recorder,
    observer: {
      onResult: (camera, { latencyUs, labels, classification }) =>
        recorder.onResult(camera, latencyUs, labels[classification.index]),
    },
    [Symbol.asyncDispose]: () => recorder[Symbol.asyncDispose](),
  };
}
