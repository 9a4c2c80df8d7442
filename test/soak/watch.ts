/** A process seen from outside: its memory and its open files, once a second, and how they grow. */

import { readdirSync, readFileSync } from "node:fs";

/** One look at a process. */
export interface Sample {
  /** Since the start of the run. */
  readonly atS: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  /** Cameras, by the gateway's own account; null while it has anything to complain of. */
  readonly camerasWell: number | null;
}

const PAGE_BYTES = 4096;

/** Resident memory and open files of a process, or null when it is gone. */
export function lookAt(pid: number): Pick<Sample, "rssBytes" | "descriptors"> | null {
  try {
    const residentPages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return { rssBytes: residentPages * PAGE_BYTES, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return null;
  }
}

/** Processes that a process started, by program name. */
export function childrenOf(pid: number, program: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((child) => {
    try {
      const stat = readFileSync(`/proc/${child}/stat`, "utf8");
      const [, name, rest] = /^\d+ \((.*)\) (.*)/.exec(stat)!;
      return name === program && Number(rest.split(" ")[1]) === pid;
    } catch {
      return false; // it ended meanwhile
    }
  });
}

/**
 * The Theil–Sen estimate of a slope: the median over pairs of points. Up to 29 % of the points may be anything.
 * Of more than 600 points an even choice is taken, so that pairs stay few.
 */
export function theilSen(points: readonly (readonly [x: number, y: number])[]): number {
  const every = Math.max(1, Math.ceil(points.length / 600));
  const chosen = points.filter((_, index) => index % every === 0);
  const slopes: number[] = [];
  for (let i = 0; i < chosen.length; i++) {
    for (let j = i + 1; j < chosen.length; j++) {
      const dx = chosen[j][0] - chosen[i][0];
      if (dx > 0) slopes.push((chosen[j][1] - chosen[i][1]) / dx);
    }
  }
  return slopes.length === 0 ? 0 : median(slopes);
}

/** Of at least one value. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
