/** Power of a board's rails by its energy model: what idles, and what each frame adds. Always `estimated`. */

import type { RailInfo } from "../../link/messages/caps.ts";
import type { BoardTelemetry, RailReading } from "../../link/messages/telemetry.ts";
import type { Board } from "../board.ts";
import type { FrameCost } from "../energy.ts";

/** Meters of a modelled board; energies count up from its start. */
export interface RailMeter {
  readonly rails: readonly RailInfo[];
  /** The chips hold an image on so many cores from now on; 0 for none. */
  setCores(cores: number): void;
  /** A frame was run. */
  add(cost: FrameCost): void;
  /** Mean power since the last reading. */
  read(): BoardTelemetry;
}

/** The rails, each of which contains the one before: they are never added. */
const RAILS: readonly RailInfo[] = [
  { name: "cores", scope: "core" },
  { name: "cores_x86", scope: "attributable" },
  { name: "board", scope: "board" },
];

/** Meters for `board`, from `nowUs` on; the rail `board` is absent when its idle power is not known. */
export function createRailMeter(board: Board, nowUs: () => number): RailMeter {
  const { energy } = board;
  const rails = energy.boardIdleMw === null ? RAILS.slice(0, 2) : RAILS;
  const energiesUj = rails.map(() => 0);
  const readUj = rails.map(() => 0);
  let cores = 0;
  let sequence = 0;
  let countedUs = nowUs();
  let readUs = countedUs;

  return {
    rails,
    setCores(count) {
      idle();
      cores = count;
    },
    add(cost) {
      idle();
      const { powerMw } = cost;
      const idleMw = idlePowers();
      const busyMw = [powerMw.cores, powerMw.cores + powerMw.x86, powerMw.board ?? 0];
      // What the frame drew beyond idling, over the time that a board would take: mW · ms = µJ.
      rails.forEach((_, rail) => {
        energiesUj[rail] += Math.max(0, busyMw[rail] - idleMw[rail]) * cost.latencyMs;
      });
    },
    read() {
      idle();
      const elapsedUs = Math.max(1, countedUs - readUs);
      const readings = rails.map((_, rail): RailReading => ({
        rail,
        method: "estimated",
        powerUw: Math.round((energiesUj[rail] - readUj[rail]) / elapsedUs * 1e6),
        energyUj: Math.round(energiesUj[rail]),
      }));
      energiesUj.forEach((energyUj, rail) => readUj[rail] = energyUj);
      readUs = countedUs;
      return { sampledAtUs: Math.round(countedUs), sequence: sequence++, rails: readings };
    },
  };

  /** Counts what has idled away until now. */
  function idle(): void {
    const now = nowUs();
    const elapsedMs = (now - countedUs) / 1000;
    countedUs = now;
    idlePowers().forEach((powerMw, rail) => energiesUj[rail] += powerMw * elapsedMs);
  }

  function idlePowers(): number[] {
    const coresMw = energy.coreStaticMw.value * cores;
    const attributableMw = coresMw + energy.x86StaticMw.value + energy.x86ClockMw.value;
    return [coresMw, attributableMw, energy.boardIdleMw?.value ?? 0].slice(0, rails.length);
  }
}
