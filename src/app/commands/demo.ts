/** `demo`: bundled test digits through the whole runtime and back from a broker, with a picture of it. */

import { fileURLToPath } from "node:url";
import type { Config } from "../../config/types.ts";
import type { Clock } from "../../core/clock.ts";
import type { PowerMessage } from "../../core/messages.ts";
import { openEmbeddedBroker } from "../../publish/embedded_broker.ts";
import { listenForResults, type ResultListener } from "../../publish/result_listener.ts";
import type { FrameResult } from "../../runtime/classifier.ts";
import { DECISION_PLAIN } from "../../runtime/decision.ts";
import { droppedTotal } from "../../runtime/frame_account.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { estimateFrameEnergyUj } from "../../telemetry/energy_model.ts";
import { pathOf } from "../../core/geometry.ts";
import { createTiming, frameSteps } from "../../ttfs/timing.ts";
import type { CommandOf } from "../command_table.ts";
import { compose } from "../compose.ts";
import type { Gateway } from "../compose/gateway.ts";
import { LiveBlock } from "../console.ts";
import { type DemoState, type MachinePower, renderDemo } from "../demo_view.ts";
import { createLog } from "../log.ts";
import type { CommandContext } from "./context.ts";

const GATEWAY_ID = "demo";
const CAMERA_ID = "digits";
const BASE_TOPIC = "quartz";
/** Speed when somebody watches and said nothing: fast enough to be alive, slow enough to be seen. */
const WATCHED_RATE_FPS = 20;
const REDRAW_US = 80_000;
/** Any free port: the demo starts wherever it is tried. */
const DEMO_MONITOR = { listen: "127.0.0.1:0", token: null, hosts: [], viewersMax: 200, page: true, metrics: true };
/** How long the last results may take from the publisher through the broker to the listener, ms. */
const ARRIVAL_MS_MAX = 3000;

/** The demo's figures: its last line with `--frames`. */
export interface DemoSummary {
  readonly frames: number;
  readonly classified: number;
  readonly dropped: number;
  readonly correct: number;
  readonly accuracy: number;
  readonly published: number;
  readonly received: number;
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly synopsEventsPerFrame: number;
  readonly energyUjPerFrame: number;
  readonly energyMethod: "estimated";
  /** What this machine drew over the last window, by a meter that covers all of it; null without one. */
  readonly machine: MachinePower | null;
}

/** Runs the demo until `--frames` are done or it is stopped. */
export async function runDemo(command: CommandOf<"demo">, context: CommandContext): Promise<number> {
  const { console } = context;
  const broker = command.broker === null ? await openEmbeddedBroker({ port: 0 }) : null;
  const url = broker?.url ?? command.broker!;
  try {
    if (broker !== null) {
      console.note(`No broker given: started one on this machine at ${url}, gone when the demo ends`);
    }
    const listener = await listenForResults({ url, baseTopic: BASE_TOPIC, gatewayId: GATEWAY_ID });
    try {
      const summary = await classifyAndListen(command, context, url, listener);
      if (command.frames !== null || command.json) console.print(JSON.stringify(summary));
    } finally {
      await listener[Symbol.asyncDispose]();
    }
  } finally {
    await broker?.[Symbol.asyncDispose]();
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

async function classifyAndListen(
  command: CommandOf<"demo">,
  context: CommandContext,
  url: string,
  listener: ResultListener,
): Promise<DemoSummary> {
  const { console, clock, random, signal } = context;
  const drawn = console.isTerminal && !command.plain && !command.json;
  const tally: Tally = { judged: 0, correct: 0, synopsEvents: 0, power: null };
  const watcher = createWatcher(command, context, drawn);
  const composition = await compose(demoConfig(command, url, drawn), {
    configSha256: "",
    clock,
    random,
    log: createLog({ level: "warn", format: "auto", clock, console }),
    frameLimit: command.frames ?? undefined,
    onMonitor: (url) => console.note(`Watch it in a browser: ${url}`),
    listeners: [{
      onMessage(message) {
        if (message.kind === "power") tally.power = message;
      },
    }],
    observers: [{
      onResult(_camera, result) {
        if (result.truth >= 0) {
          tally.judged++;
          if (result.truth === result.classification.index) tally.correct++;
        }
        tally.synopsEvents += result.output.counters.synopsEvents;
        watcher(result, tally, composition, listener);
      },
    }],
  });
  try {
    await composition.runtime.run(signal);
    await settle(clock, listener.whenReceived(composition.runtime.cameras[0].counts.classified));
  } finally {
    await composition[Symbol.asyncDispose]();
  }
  const { counts, latencies, network } = composition.runtime.cameras[0];
  const endToEnd = latencies.read("endToEnd");
  return {
    frames: counts.captured,
    classified: counts.classified,
    dropped: droppedTotal(counts),
    correct: tally.correct,
    accuracy: tally.judged === 0 ? 0 : tally.correct / tally.judged,
    published: counts.classified - composition.publisher.counts.droppedByKind.result,
    received: listener.received,
    latencyMsP50: endToEnd.p50Ms,
    latencyMsP99: endToEnd.p99Ms,
    synopsEventsPerFrame: counts.classified === 0 ? 0 : tally.synopsEvents / counts.classified,
    energyUjPerFrame: estimateFrameEnergyUj(network),
    energyMethod: "estimated",
    machine: machinePower(tally.power),
  };
}

/** The whole machine's figures of a window, when a meter covers it. */
function machinePower(power: PowerMessage | null): MachinePower | null {
  const total = power?.total ?? null;
  if (power === null || total === null) return null;
  const each = power.perInference.find(({ source }) => source === total.source);
  return { ...total, energyJPerFrame: each?.energyJ ?? null };
}

/** Waits for `work`, but not longer than results may take to arrive. */
async function settle(clock: Clock, work: Promise<void>): Promise<void> {
  const timeout = new AbortController();
  await Promise.race([work, clock.sleep(ARRIVAL_MS_MAX, timeout.signal)]);
  timeout.abort();
}

function bundled(path: string): string {
  return fileURLToPath(new URL(`../../../models/mnist-lenet/${path}`, import.meta.url));
}

function demoConfig(command: CommandOf<"demo">, url: string, drawn: boolean): Config {
  const watched = (drawn || command.page) && command.frames === null ? WATCHED_RATE_FPS : null;
  return {
    version: 1,
    gateway: { id: GATEWAY_ID },
    backend: { kind: "simulator", weightBits: 8, threads: 1 },
    cameras: [{
      id: CAMERA_ID,
      network: command.network ?? bundled("network.safetensors"),
      source: {
        kind: "replay",
        path: command.clip ?? bundled("clip.safetensors.gz"),
        rateFps: command.rateFps ?? watched,
        loop: true,
      },
      crop: null,
      resize: "auto",
      invert: false,
      decision: DECISION_PLAIN,
      maxAgeMs: 10_000,
      shadow: null,
    }],
    mqtt: {
      url,
      baseTopic: BASE_TOPIC,
      clientId: `quartz-demo-${GATEWAY_ID}`,
      username: null,
      password: null,
      protocol: "auto",
      tls: null,
      outboxMax: 100_000,
    },
    spool: null,
    history: null,
    commands: null,
    monitor: command.page ? DEMO_MONITOR : null,
    homeAssistant: null,
    sparkplug: null,
    publish: { mode: "all", sampleEveryS: 1, topK: 3, heartbeatS: 60 },
    telemetry: { latencyEveryS: command.page ? 2 : 5, healthEveryS: 60 },
    power: {
      enabled: true,
      everyMs: 250,
      windowS: 1,
      sysfs: "/sys",
      folders: [],
      meters: [],
      total: null,
      maxW: 500,
      frozenAfterS: 60,
      idleAtStartS: 0,
      stateFile: null,
    },
    log: { level: "warn", format: "auto" },
  };
}

/** What is summed up beside the runtime. */
interface Tally {
  judged: number;
  correct: number;
  synopsEvents: number;
  /** The newest window. */
  power: PowerMessage | null;
}

type Watcher = (
  result: FrameResult,
  tally: Tally,
  composition: Gateway,
  listener: ResultListener,
) => void;

/** Shows each result (as a line) or the newest one now and then (as a picture). */
function createWatcher(command: CommandOf<"demo">, { console, clock }: CommandContext, drawn: boolean): Watcher {
  const block = new LiveBlock(console);
  let startUs = -1;
  let drawnUs = -Infinity;
  return (result, tally, { runtime }, listener) => {
    const nowUs = clock.nowUs();
    if (startUs < 0) startUs = nowUs;
    if (drawn) {
      const { classified } = runtime.cameras[0].counts;
      if (nowUs - drawnUs < REDRAW_US && classified !== command.frames) return;
      drawnUs = nowUs;
      block.show(renderDemo(demoState(result, tally, runtime, listener, (nowUs - startUs) / 1e6), console.hasColor));
    } else if (command.plain) {
      const { labels } = runtime.cameras[0].network;
      const { index, confidence } = result.classification;
      const truth = result.truth < 0 ? "" : ` truth ${labels[result.truth]}`;
      const latency = (result.latencyUs / 1000).toFixed(2);
      console.note(
        `frame ${result.frameId}: ${labels[index]} (${(100 * confidence).toFixed(0)} %)${truth} in ${latency} ms`,
      );
    }
  };
}

function demoState(
  result: FrameResult,
  tally: Tally,
  runtime: Runtime,
  listener: ResultListener,
  seconds: number,
): DemoState {
  const { network, counts, latencies } = runtime.cameras[0];
  const { depth, pools, rectify } = pathOf(network.layers);
  const endToEnd = latencies.read("endToEnd");
  return {
    title: `quartz-edge demo: ${network.name} on the simulator, t_max ${network.tMax}`,
    labels: network.labels,
    bytes: result.bytes,
    shape: network.input.shape,
    probabilities: result.classification.probabilities,
    answer: result.classification.index,
    truth: result.truth,
    frames: counts.captured,
    correct: tally.correct,
    judged: tally.judged,
    dropped: droppedTotal(counts),
    published: counts.classified,
    received: listener.received,
    framesPerSecond: seconds > 0 ? (counts.classified - 1) / seconds : 0,
    latencyMsP50: endToEnd.p50Ms,
    latencyMsP99: endToEnd.p99Ms,
    decisionStep: result.output.counters.decisionStep,
    timesteps: frameSteps(createTiming(network.convention, network.tMax), depth, pools, rectify),
    synopsEvents: result.output.counters.synopsEvents,
    synopsAll: result.output.counters.synopsAll,
    energyUj: estimateFrameEnergyUj(network),
    machine: machinePower(tally.power),
  };
}
