/** All checks that fit a configuration, or none, in the order in which they are shown. */

import { loadConfig, type LoadedConfig } from "../../config/load.ts";
import type { Clock } from "../../core/clock.ts";
import type { Network } from "../../core/network.ts";
import type { Random } from "../../core/random.ts";
import { openNetwork } from "../../model/load.ts";
import type { Check } from "./check.ts";
import { boardChecks } from "./checks/board.ts";
import { brokerChecks } from "./checks/broker.ts";
import { cameraChecks } from "./checks/cameras.ts";
import { configChecks, networkChecks } from "./checks/files.ts";
import { hostChecks } from "./checks/host.ts";
import { runtimeChecks } from "./checks/runtime.ts";
import { sensorChecks } from "./checks/sensors.ts";
import type { DoctorContext } from "./context.ts";

/** Reads what the checks are about; a configuration that cannot be used is a finding, not an error. */
export async function prepareExamination(
  options: {
    readonly configPath: string | null;
    /** `key=value`, in place of what the file says. */
    readonly set?: readonly string[];
    readonly clock: Clock;
    readonly random: Random;
  } & Partial<Pick<DoctorContext, "root" | "ffmpeg">>,
): Promise<DoctorContext> {
  let loaded: LoadedConfig | null = null;
  let configError: unknown = null;
  try {
    if (options.configPath !== null) loaded = await loadConfig(options.configPath, { set: options.set });
  } catch (error) {
    configError = error;
  }
  const networks = new Map<string, Promise<Network>>();
  const network = (path: string) => {
    if (!networks.has(path)) networks.set(path, openNetwork(path));
    return networks.get(path)!;
  };
  return { root: "/", ffmpeg: "ffmpeg", ...options, loaded, configError, network };
}

/** The checks. */
export function checksFor(context: DoctorContext): Check[] {
  const config = context.loaded?.config;
  return [
    ...configChecks(context),
    ...(config === undefined ? [] : networkChecks(config, context)),
    ...runtimeChecks(context),
    ...cameraChecks(context),
    ...brokerChecks(context),
    ...boardChecks(context),
    ...hostChecks(context),
    ...sensorChecks(context),
  ];
}
