/** A soak: a real gateway under random faults for some time, and then everything must be well, and add up. */

import { temporaryFolder } from "../support/clips.ts";
import { readSpool } from "../support/spools.ts";
import { type FaultTally, injectFaults, sleep } from "./faults.ts";
import { openScene, type Scene, type WireHealth } from "./scene.ts";
import { lookAt, median, type Sample, theilSen } from "./watch.ts";

/** How long, and with which faults. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Ends it early; what was found until then is told. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneS: number, totalS: number) => void;
}

/** What came of it. */
export interface SoakReport {
  readonly minutes: number;
  readonly seed: number;
  readonly faults: FaultTally;
  readonly faultsTotal: number;
  /** Σ over cameras, as the gateway itself counted. */
  readonly frames: { readonly captured: number; readonly classified: number; readonly dropped: number };
  readonly results: { readonly acknowledged: number; readonly historical: number; readonly repeated: number };
  readonly healthMessages: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly rss: {
    readonly medianMb: number;
    readonly maxMb: number;
    /** Theil–Sen over the second half; null where it is too short to mean anything. */
    readonly slopeMbPerH: number | null;
    readonly limitMbPerH: number;
  };
  readonly descriptors: {
    /** While everything was well with so many cameras, in the first and in the second half. */
    readonly byCameras: readonly {
      readonly cameras: number;
      readonly first: Range | null;
      readonly second: Range | null;
    }[];
    readonly max: number;
  };
  readonly stopMs: number;
  readonly samples: readonly Sample[];
  /** What was wrong; empty when all is well. */
  readonly failures: readonly string[];
}

/** Least and most. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

const SAMPLE_MS = 1000;
/** A slope over less than this is start-up, and says nothing. */
const SLOPE_MINUTES_MIN = 10;
/** The garbage collector's own ups and downs make up to this slope in a run of `minutes`. */
const limitMbPerH = (minutes: number) => Math.max(10, 450 / minutes);
/** All cameras must be back, and the spool empty, so long after the last fault: a camera's back-off, and the backlog. */
const HEAL_MS_MAX = 60_000;
/** Descriptors of a settled gateway may differ by so many: a file of the spool, a socket in the making. */
const DESCRIPTOR_SLACK = 3;
/** Messages that are merely on their way when a gateway takes stock. */
const UNDER_WAY_MAX = 32;
const STOP_MS_MAX = 10_000;
const MB = 1e6;

/** Runs it. Rejects only when it could not be started. */
export async function runSoak({ minutes: wanted, seed, signal, onProgress }: SoakOptions): Promise<SoakReport> {
  await using folder = await temporaryFolder();
  await using scene = await openScene(folder.path);
  const failures: string[] = [];
  const faults: FaultTally = {};
  const samples: Sample[] = [];
  const end = new AbortController();
  let faultEndedMs = -Infinity;
  let isFaulty = true;
  const injecting = injectFaults(scene, seed, end.signal, faults).finally(() => {
    isFaulty = false;
    faultEndedMs = performance.now();
  });
  const startMs = performance.now();
  const totalS = wanted * 60;
  while (performance.now() - startMs < totalS * 1000 && !signal?.aborted) {
    await sleep(SAMPLE_MS, signal);
    const look = lookAt(scene.program.pid);
    if (look === null) {
      failures.push(`the gateway ended: ${scene.program.lines.slice(-3).join(" | ")}`);
      break;
    }
    const atS = (performance.now() - startMs) / 1000;
    samples.push({ atS, ...look, camerasWell: camerasWell(scene.health.last) });
    onProgress?.(Math.min(totalS, Math.round(atS)), Math.round(totalS));
  }
  const minutes = Math.round((performance.now() - startMs) / 600) / 100;
  end.abort();
  await injecting;
  if (failures.length === 0) await heal(scene, () => isFaulty, faultEndedMs, failures);
  const { code, tookMs } = await scene.program.stop("SIGTERM");
  await sleep(200); // the last health is on its way
  if (code !== 0) failures.push(`exit code ${code} after SIGTERM`);
  if (tookMs > STOP_MS_MAX) failures.push(`took ${Math.round(tookMs)} ms to stop`);

  const stopped = scene.program.lines.filter((line) => line.includes('"camera stopped"')).map((line) =>
    JSON.parse(line)
  );
  const sum = (key: string) => stopped.reduce((total: number, line) => total + Number(line[key]), 0);
  const frames = { captured: sum("captured"), classified: sum("classified"), dropped: sum("dropped") };
  // A camera that a reload took away stopped before the others did.
  if (
    stopped.length < (scene.health.last?.cameras.length ?? 4) || frames.captured !== frames.classified + frames.dropped
  ) {
    failures.push(`frames do not add up in the end: ${JSON.stringify(frames)}`);
  }
  failures.push(...scene.health.wrong.map((text) => `frames do not add up in a health message: ${text}`));
  const results = countResults(scene, failures);
  if (results.acknowledged !== frames.classified) {
    failures.push(`${frames.classified} frames classified, ${results.acknowledged} different results acknowledged`);
  }
  const left = (await readSpool(scene.gateway.spoolFolder)).payloads.length;
  if (left > 0) failures.push(`${left} messages left in the spool`);
  const rss = judgeRss(samples, minutes, failures);
  const descriptors = judgeDescriptors(samples, failures);
  return {
    minutes,
    seed,
    faults,
    faultsTotal: Object.values(faults).reduce((total, count) => total + count, 0),
    frames,
    results,
    healthMessages: scene.health.seen,
    answers: scene.answers,
    rss,
    descriptors,
    stopMs: Math.round(tookMs),
    samples,
    failures,
  };
}

// ---

function camerasWell(health: WireHealth | null): number | null {
  const isWell = health?.status === "ok" && health.cameras.every(({ status }) => status === "online");
  return isWell ? health.cameras.length : null;
}

/** Liveness: without faults, everything comes back by itself. */
async function heal(scene: Scene, isFaulty: () => boolean, endedMs: number, failures: string[]): Promise<void> {
  const seenBefore = scene.health.seen;
  const isHealed = () => {
    const { last, seen } = scene.health;
    return !isFaulty() && seen > seenBefore + 1 && camerasWell(last) !== null && last!.broker.queued <= UNDER_WAY_MAX;
  };
  while (!isHealed()) {
    if (performance.now() - endedMs > HEAL_MS_MAX) {
      failures.push(`not well ${HEAL_MS_MAX / 1000} s after the last fault: ${JSON.stringify(scene.health.last)}`);
      return;
    }
    await sleep(100);
  }
}

/** What the broker acknowledged: each result once or again, in order, live ones and those from disk apart. */
function countResults({ witness }: Scene, failures: string[]) {
  const seen = new Set<number>();
  const newest = { live: -1, historical: -1 };
  let historical = 0;
  for (const result of witness.acknowledged) {
    if (seen.has(result.seq)) continue;
    seen.add(result.seq);
    const stream = result.historical ? "historical" : "live";
    if (result.seq < newest[stream]) failures.push(`${stream} result ${result.seq} after ${newest[stream]}`);
    newest[stream] = result.seq;
    historical += Number(stream === "historical");
  }
  return { acknowledged: seen.size, historical, repeated: witness.acknowledged.length - seen.size };
}

function judgeRss(samples: readonly Sample[], minutes: number, failures: string[]): SoakReport["rss"] {
  const second = samples.slice(samples.length >> 1);
  const sizes = samples.map(({ rssBytes }) => rssBytes / MB);
  const limit = limitMbPerH(minutes);
  const slope = minutes < SLOPE_MINUTES_MIN
    ? null
    : theilSen(second.map(({ atS, rssBytes }) => [atS / 3600, rssBytes / MB]));
  if (slope !== null && slope > limit) failures.push(`RSS grows by ${slope.toFixed(1)} MB/h, more than ${limit}`);
  return {
    medianMb: sizes.length === 0 ? 0 : median(sizes),
    maxMb: Math.max(0, ...sizes),
    slopeMbPerH: slope,
    limitMbPerH: limit,
  };
}

function judgeDescriptors(samples: readonly Sample[], failures: string[]): SoakReport["descriptors"] {
  const half = samples.length >> 1;
  const range = (some: readonly Sample[], cameras: number): Range | null => {
    const counts = some.filter(({ camerasWell }) => camerasWell === cameras).map(({ descriptors }) => descriptors);
    return counts.length === 0 ? null : { min: Math.min(...counts), max: Math.max(...counts) };
  };
  const counts = [...new Set(samples.map(({ camerasWell }) => camerasWell).filter((count) => count !== null))].sort();
  const byCameras = counts.map((cameras) => {
    return { cameras, first: range(samples.slice(0, half), cameras), second: range(samples.slice(half), cameras) };
  });
  for (const { cameras, first, second } of byCameras) {
    if (first === null || second === null || second.min <= first.min + DESCRIPTOR_SLACK) continue;
    failures.push(`descriptors with ${cameras} cameras, all well, grew from ${first.min} to ${second.min}`);
  }
  return { byCameras, max: Math.max(0, ...samples.map(({ descriptors }) => descriptors)) };
}
