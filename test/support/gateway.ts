/** A gateway for tests: a configuration in a folder of its own, and the program on it. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, type Running, startProgram } from "./program.ts";

/** Scenes with a digit in them that moves; the crop holds the digit. */
export function sceneCamera(id: string, rateFps: number | null): Record<string, unknown> {
  const sprites = `${ROOT}models/mnist-lenet/clip.safetensors.gz`;
  return {
    id,
    source: { kind: "synthetic", sprites, ...(rateFps !== null && { rate_fps: rateFps }) },
    crop: { x: 98, y: 58, width: 124, height: 124 },
  };
}

/** See the head of this file. Disposing removes the folder. */
export interface Gateway extends Disposable {
  readonly folder: string;
  /** Of the configuration. */
  readonly path: string;
  /** What it holds. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where its spool is, if it has one. */
  readonly spoolFolder: string;
  start(env?: Record<string, string>): Running;
}

/** Gateway `gw1` with the MNIST network; `config` says the rest, as the file has it. */
export function makeGateway(config: Record<string, unknown>): Gateway {
  const folder = mkdtempSync(join(tmpdir(), "quartz-gateway-"));
  const path = join(folder, "edge.yaml");
  const common = {
    version: 1,
    gateway: { id: "gw1" },
    network: `${ROOT}models/mnist-lenet/network.safetensors`,
    telemetry: { latency_every_s: 1, health_every_s: 1 },
    log: { format: "json" },
  };
  const whole = { ...common, ...config };
  writeFileSync(path, JSON.stringify(whole));
  return {
    folder,
    path,
    config: whole,
    spoolFolder: join(folder, "spool"),
    start: (env) => startProgram(["run", "--config", path], env),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The frame counts of a health message, as on the wire, with what they add up to. */
export interface WireFrames {
  readonly captured: number;
  readonly classified: number;
  readonly in_flight: number;
  readonly dropped_busy: number;
  readonly dropped_stale: number;
  readonly dropped_malformed: number;
  readonly dropped_failed: number;
}

/** Every frame that ended or is under way; must be `captured`. */
export function accountedFrames(frames: WireFrames): number {
  const { classified, in_flight, dropped_busy, dropped_stale, dropped_malformed, dropped_failed } = frames;
  return classified + in_flight + dropped_busy + dropped_stale + dropped_malformed + dropped_failed;
}
