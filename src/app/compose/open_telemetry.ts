/** Deno's own exporter of OpenTelemetry, as a companion of a runtime. */

import process from "node:process";
import { runtimeInfo, VERSION } from "../version.ts";
import type { Companion } from "./companions.ts";

/** Lets the exporter see the figures where it is on (OTEL_DENO=true); null where it is not, as under Node. */
export async function openExporter(): Promise<Companion | null> {
  if (runtimeInfo().name !== "deno" || !["true", "1"].includes(process.env.OTEL_DENO ?? "")) return null;
  const { exportMetrics } = await import("../../telemetry/open_telemetry.ts");
  let exported: Disposable | null = null;
  return {
    name: "open_telemetry",
    start({ metricsView }) {
      exported = exportMetrics(metricsView, VERSION);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(exported?.[Symbol.dispose]()),
  };
}
