/** Power meters by configuration, and the monitor over them. */

import type { BoardRails } from "../../../devices/power/board_rails.ts";
import { findSensors } from "../../../devices/power/find.ts";
import { nameChannels } from "../../../devices/power/names.ts";
import type { Sensor } from "../../../devices/power/sensor.ts";
import { nodeSysfs } from "../../../devices/power/sysfs.ts";
import { createSysfsMeter } from "../../../devices/power/sysfs_meter.ts";
import type { Config, HttpMeterConfig, LineMeterConfig, PowerConfig } from "../../config/types.ts";
import { nodeFileSystem } from "../../core/file_system.ts";
import type { PowerInfo } from "../../core/messages.ts";
import type { Caps } from "../../link/messages/caps.ts";
import type { BoardTelemetry } from "../../link/messages/telemetry.ts";
import type { PowerMeter } from "../../ports/power_meter.ts";
import type { Publisher } from "../../ports/publisher.ts";
import { createModelMeter } from "../../power/model_meter.ts";
import { CHANNELS_MAX, PowerMonitor } from "../../power/power_monitor.ts";
import type { Runtime, RuntimeObserver } from "../../runtime/runtime.ts";
import type { PartOptions } from "./options.ts";

/** Power of one gateway; measures from `start` until it is disposed of. */
export interface Power extends AsyncDisposable {
  readonly info: PowerInfo;
  /** For `RuntimeParts.beforeCameras`. */
  beforeCameras(signal: AbortSignal): Promise<void>;
  /** Counts the frames. */
  readonly observer: RuntimeObserver;
  /** A board told the power of its rails. */
  onTelemetry(telemetry: BoardTelemetry, caps: Caps): void;
  /** `publishInfo`: what `info` says has changed. */
  start(runtime: Runtime, publisher: Publisher, publishInfo: () => void): void;
}

/** Kept for a board's rails, of which there may be 16 by each of two methods, and the model. */
const RESERVED_CHANNELS = 33;

/** What each scope of a rail feeds. */
const FEEDS = {
  core: "its neuro-cores",
  attributable: "its neuro-cores and embedded processors",
  board: "the whole board",
} as const;

/** Opens the meters that there are; null when the configuration wants none. Never rejects for what a device does. */
export async function openPower(config: Config, options: PartOptions): Promise<Power | null> {
  if (!config.power.enabled) return null;
  const { clock, log } = options;
  let runtime: Runtime | null = null;
  const rails = config.backend.kind === "loihi" ? await openRails(config.backend.board) : null;
  const model = createModelMeter(() => runtime?.cameras ?? []);
  const meters: PowerMeter[] = [
    ...await Promise.all(config.power.meters.map((meter) => openMeter(meter, options))),
    ...await openSensors(config.power, options),
    ...(rails === null ? [] : [rails]),
    model,
  ];
  const { everyMs, windowS, maxW, frozenAfterS, total, idleAtStartS, stateFile } = config.power;
  const monitor = await PowerMonitor.open({
    meters,
    everyMs,
    windowS,
    powerWMax: maxW,
    frozenAfterS,
    total,
    idleAtStartS,
    stateFile,
    clock,
    files: nodeFileSystem,
  });
  return {
    get info() {
      return monitor.info;
    },
    beforeCameras: (signal) => monitor.idleAtStart(signal),
    observer: { onResult: (_camera, { latencyUs }) => monitor.onInference(latencyUs) },
    onTelemetry: (telemetry, caps) => rails === null ? undefined : takeRails(rails, telemetry, caps, clock.nowUs()),
    start(started, publisher, publishInfo) {
      runtime = started;
      const ids = monitor.info.meters.map(({ id }) => id);
      log("info", `power sources: ${ids.join(", ")}`, {});
      monitor.start({
        publish: (message) => publisher.publish(message),
        reportProblem: (what, text) => started.setProblem(what, text),
        onChannels: publishInfo,
        activity: () => activityOf(started),
      });
    },
    [Symbol.asyncDispose]: () => monitor.stop(),
  };
}

// ---------------------------------------------------------------------------------------------------------------------

// Meters that few gateways have are loaded by those alone.
async function openRails(board: string): Promise<BoardRails> {
  return (await import("../../../devices/power/board_rails.ts")).createBoardRails(board);
}

async function openMeter(
  config: HttpMeterConfig | LineMeterConfig,
  { clock, random }: PartOptions,
): Promise<PowerMeter> {
  if (config.kind === "http") {
    const { createHttpMeter } = await import("../../../devices/power/http.ts");
    return createHttpMeter({ ...config, password: config.password?.reveal() ?? null, clock });
  }
  const { createLineMeter } = await import("../../../devices/power/line.ts");
  const { openTransport, parseLinkAddress } = await import("../../../devices/transport/address.ts");
  const baud = config.link.startsWith("serial:") ? `?baud=${config.baud}` : "";
  const address = parseLinkAddress(config.link + baud);
  return createLineMeter({
    ...config,
    address: config.link,
    openTransport: () => openTransport(address, clock),
    clock,
    random,
  });
}

/** One meter a sensor of the kernel. What may not be read is said once; a folder that was named should be readable. */
async function openSensors(
  { sysfs: root, folders, meters }: PowerConfig,
  { clock, log }: PartOptions,
): Promise<PowerMeter[]> {
  const where = { sysfs: nodeSysfs, root, folders };
  const { sensors, unread } = await findSensors(where);
  for (const { what, why, hint } of unread) log("info", `Cannot read ${what}: ${why}`, { hint });
  const kept = limited(sensors, CHANNELS_MAX - meters.length - RESERVED_CHANNELS);
  if (kept.length < sensors.length) {
    const left = sensors.slice(kept.length).map(({ name, device }) => `${name} at ${device}`).join(", ");
    log("warn", `Too many power channels: at most ${CHANNELS_MAX} are read, and these are not: ${left}`, {});
  }
  const ids = nameChannels(kept, [...meters.map(({ id }) => id), "snn_model"]);
  const findAgain = async () => (await findSensors(where)).sensors;
  return kept.map((sensor, index) => createSysfsMeter({ sensor, ids: ids[index], sysfs: nodeSysfs, findAgain, clock }));
}

/** The first sensors that have at most so many channels together. */
function limited(sensors: readonly Sensor[], channelsMax: number): readonly Sensor[] {
  let channels = 0;
  return sensors.filter((sensor) => (channels += sensor.channels.length) <= channelsMax);
}

function takeRails(rails: BoardRails, telemetry: BoardTelemetry, caps: Caps, atUs: number): void {
  const known = telemetry.rails.filter(({ rail }) => rail < caps.rails.length);
  rails.take({
    rails: known.map(({ rail, method, energyUj }) => {
      const { name, scope } = caps.rails[rail];
      return { name, feeds: FEEDS[scope], method, energyUj };
    }),
  }, atUs);
}

function activityOf(runtime: Runtime): { captured: number; inFlight: number } {
  let captured = 0;
  let inFlight = 0;
  for (const { counts } of runtime.cameras) {
    captured += counts.captured;
    inFlight += counts.inFlight;
  }
  return { captured, inFlight };
}
