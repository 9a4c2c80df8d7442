/**
 * The rails of a board behind the host link, as its agent reports them.
 *
 * The agent's energies count up from its start and never fall while it runs, so a report that was lost costs nothing; an
 * agent that was started again begins at 0. Rails nest (`board` holds `cores_x86` holds `cores`): they are never added.
 */

import type { PowerChannel, PowerMeter, PowerReading } from "../../src/ports/power_meter.ts";
import { slug } from "./names.ts";

/** What a board says of its rails. */
export interface RailReport {
  readonly rails: readonly {
    readonly name: string;
    /** What the rail feeds, in words. */
    readonly feeds: string;
    /** `none`: the agent has no figure. */
    readonly method: "none" | "measured" | "modelled" | "estimated";
    readonly energyUj: number;
  }[];
}

/** The meter, and the way in for reports. */
export interface BoardRails extends PowerMeter {
  /** A report has just come, at `atUs` of the host's monotonic clock. */
  take(report: RailReport, atUs: number): void;
}

/** A meter whose channels appear with the first report that names them. */
export function createBoardRails(boardName: string): BoardRails {
  const channels: PowerChannel[] = [];
  const places = new Map<string, number>();
  let newest: (PowerReading | null)[] = [];
  let isClosed = false;

  /** The channel of a rail and a method: measured and estimated energies of one rail are two channels. */
  const placeOf = (name: string, feeds: string, method: "measured" | "estimated"): number => {
    const key = `${name} ${method}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    const id = slug(`loihi_${name}`);
    channels.push({
      id: channels.some((channel) => channel.id === id) ? `${id}_${method}` : id,
      kind: "board_rail",
      scope: "accelerator",
      method,
      detail:
        `${boardName}, ${feeds}; holds or lies within its other rails, and is not comparable with a gateway's watts`,
      coversGateway: false,
      counter: { rangeJ: null, unmoved: "unknown" },
    });
    places.set(key, channels.length - 1);
    return channels.length - 1;
  };

  return {
    name: `rails of ${boardName}`,
    everyMs: 0,
    channels,
    take({ rails }, atUs) {
      for (const { name, feeds, method, energyUj } of rails) {
        if (method === "none") continue;
        const place = placeOf(name, feeds, method === "measured" ? "measured" : "estimated");
        newest[place] = { counterJ: energyUj / 1e6, atUs };
      }
    },
    read() {
      const readings = channels.map((_, place) => isClosed ? { fault: "the meter is closed" } : newest[place] ?? null);
      newest = [];
      return Promise.resolve(readings);
    },
    [Symbol.asyncDispose]() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}
