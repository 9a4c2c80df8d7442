/** Samples all meters, closes windows, publishes `power`, and keeps the energies over restarts. */

import type { Clock } from "../core/clock.ts";
import type { FileSystem } from "../core/file_system.ts";
import type { Message, PowerInfo, PowerMessage } from "../core/messages.ts";
import type { PowerMeter } from "../ports/power_meter.ts";
import { LatencyHistogram } from "../telemetry/latency_histogram.ts";
import type { ChannelWindow } from "./channel_window.ts";
import { loadTotals, saveTotals, type Totals } from "./energy_state.ts";
import { IDLE_US_MIN, SETTLE_US } from "./idle_baseline.ts";
import { MeterSampler } from "./meter_sampler.ts";
import { EDP_CONVENTION, energyPerInference } from "./per_inference.ts";

/** What a monitor is made of. It disposes of the meters; the rest is used. */
export interface PowerMonitorOptions {
  readonly meters: readonly PowerMeter[];
  readonly everyMs: number;
  readonly windowS: number;
  readonly powerWMax: number;
  readonly frozenAfterS: number;
  /** The source that covers the whole gateway; null: the first one that says so of itself. */
  readonly total: string | null;
  /** Idle time before cameras open, in which the idle power is measured; 0: none is made. */
  readonly idleAtStartS: number;
  /** Where energies are kept; null: they begin at 0 with every start. */
  readonly stateFile: string | null;
  readonly clock: Clock;
  readonly files: FileSystem;
}

/** Where a monitor's figures go and where its knowledge of frames comes from. */
export interface PowerSurroundings {
  publish(message: Message): void;
  /** Begins, changes or ends (null) a problem. */
  reportProblem(what: string, text: string | null): void;
  /** Channels have appeared: `info` is to be published again. */
  onChannels(): void;
  /** Frames of all cameras since the start. */
  activity(): { readonly captured: number; readonly inFlight: number };
}

/** Between two writes of the state file, µs: what a crash may cost. */
const SAVE_EVERY_US = 60_000_000;
/** Longest wait for the meters before the next one is looked after, ms; half an interval where that is less. */
const ANSWER_MS_MAX = 500;
/** Most channels of all meters; whoever opens them keeps to it. */
export const CHANNELS_MAX = 128;

/** Measures from `start` to `stop`. */
export class PowerMonitor {
  readonly #options: PowerMonitorOptions;
  readonly #samplers: readonly MeterSampler[];
  readonly #latencies = new LatencyHistogram();
  readonly #totals: Map<string, number>;
  /** Why the energies began anew; told once, as an event. */
  #restarted: string | null;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  /** The write under way. */
  #saving: Promise<void> | null = null;
  #inferences = 0;
  /** As they were when the meters were asked last. */
  #sampledInferences = 0;
  #sampledUs = 0;
  #quiet: { captured: number; sinceUs: number | null } = { captured: -1, sinceUs: null };
  #channelCount = -1;

  private constructor(options: PowerMonitorOptions, totals: Totals, restarted: string | null) {
    this.#options = options;
    this.#totals = new Map(totals);
    this.#restarted = restarted;
    const { clock, everyMs, powerWMax, frozenAfterS } = options;
    const terms = { everyMs, powerWMax, frozenAfterUs: frozenAfterS * 1e6, clock };
    const totalOf = (id: string) => this.#totals.get(id) ?? null;
    this.#samplers = options.meters.map((meter) => new MeterSampler(meter, terms, totalOf));
  }

  /** Reads the state file. Never rejects. */
  static async open(options: PowerMonitorOptions): Promise<PowerMonitor> {
    const { stateFile, files } = options;
    if (stateFile === null) return new PowerMonitor(options, new Map(), null);
    const { totals, restarted } = await loadTotals(files, stateFile);
    return new PowerMonitor(options, totals, restarted);
  }

  /** For `info`. */
  get info(): PowerInfo {
    const { everyMs, idleAtStartS } = this.#options;
    const atStart = idleAtStartS === 0 ? "" : `for ${idleAtStartS} s before the cameras open, and `;
    return {
      everyMs,
      edpConvention: EDP_CONVENTION,
      idleBaseline: `${atStart}whenever no frame has been run for ${SETTLE_US / 1e6} s`,
      meters: this.#channels().map(({ channel: { id, kind, scope, method, detail, model } }) => ({
        id,
        kind,
        scope,
        method,
        detail,
        ...(model === undefined ? {} : { model }),
      })),
    };
  }

  /** A frame was classified. Allocates nothing. */
  onInference(latencyUs: number): void {
    this.#inferences++;
    this.#latencies.record(latencyUs);
  }

  /** Begins sampling; to be called once. */
  start(surroundings: PowerSurroundings): void {
    if (this.#restarted !== null) {
      const text = `energies begin at 0 as ${this.#restarted}`;
      surroundings.publish({ kind: "event", event: "energy_restarted", text });
    }
    this.#running = this.#run(surroundings);
  }

  /** Waits for the idle power at start to be measured, if that is wanted; ends early with `signal`. */
  async idleAtStart(signal: AbortSignal): Promise<void> {
    const { idleAtStartS, everyMs, clock } = this.#options;
    if (idleAtStartS === 0) return;
    // The samples at both ends may lie a beat within.
    await clock.sleep(Math.max(idleAtStartS * 1000, IDLE_US_MIN / 1000) + SETTLE_US / 1000 + 2 * everyMs, signal);
  }

  /** Closes the last window, publishes it, saves the energies, closes the meters. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#options.meters.map((meter) => meter[Symbol.asyncDispose]()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(around: PowerSurroundings): Promise<void> {
    const { clock, everyMs, windowS } = this.#options;
    const everyUs = everyMs * 1000;
    const { signal } = this.#stopping;
    let dueUs = clock.nowUs();
    let windowFromUs = dueUs;
    let savedUs = dueUs;
    while (!signal.aborted) {
      await this.#sample(around);
      const nowUs = this.#sampledUs;
      // Half an interval early is nearer than half an interval late.
      if (nowUs - windowFromUs >= windowS * 1e6 - everyUs / 2) {
        this.#close(around, nowUs - windowFromUs);
        windowFromUs = nowUs;
      }
      if (nowUs - savedUs >= SAVE_EVERY_US) {
        this.#saveBeside(around);
        savedUs = nowUs;
      }
      // A beat that was missed is left out: the integral knows how long each stretch was.
      dueUs += everyUs * Math.max(1, Math.ceil((clock.nowUs() - dueUs) / everyUs));
      await clock.sleep((dueUs - clock.nowUs()) / 1000, signal);
    }
    await this.#sample(around);
    const lastUs = this.#sampledUs - windowFromUs;
    if (lastUs > 0) this.#close(around, lastUs);
    await this.#saving;
    await this.#save(around);
  }

  /** One reading of every meter that answers soon; a late one is taken when it comes. */
  async #sample(around: PowerSurroundings): Promise<void> {
    const { clock, everyMs } = this.#options;
    // A window ends with a sample: what is classified while meters answer belongs to the next one.
    this.#sampledUs = clock.nowUs();
    this.#sampledInferences = this.#inferences;
    const { captured, inFlight } = around.activity();
    // Frames may have come at any time since the last sample: quiet begins now at the earliest.
    if (captured !== this.#quiet.captured || inFlight > 0 || this.#quiet.sinceUs === null) {
      this.#quiet = { captured, sinceUs: inFlight > 0 ? null : clock.nowUs() };
    }
    const answered = new AbortController();
    const reading = Promise.all(this.#samplers.map((sampler) => sampler.sample(() => this.#quiet.sinceUs)));
    await Promise.race([
      reading.then(() => answered.abort()),
      clock.sleep(Math.min(everyMs / 2, ANSWER_MS_MAX), answered.signal),
    ]);
    const count = this.#channels().length;
    if (count !== this.#channelCount) {
      if (this.#channelCount >= 0) around.onChannels();
      this.#channelCount = count;
    }
  }

  #close(around: PowerSurroundings, windowUs: number): void {
    const channels = this.#channels();
    const sources = channels.map((channel) => channel.read());
    const latencyMsP50 = this.#latencies.read().p50Ms;
    const inferences = this.#sampledInferences;
    const perInference = energyPerInference(channels, { windowUs, inferences, latencyMsP50 });
    around.publish({ kind: "power", windowMs: windowUs / 1000, sources, total: this.#total(channels), perInference });
    for (const channel of channels) {
      around.reportProblem(`power.${channel.channel.id}`, channel.fault && `${channel.channel.id}: ${channel.fault}`);
      channel.reset();
    }
    this.#inferences -= inferences;
    this.#latencies.reset();
  }

  #total(channels: readonly ChannelWindow[]): PowerMessage["total"] {
    const { total } = this.#options;
    const covering = channels.find(({ channel }) => total === null ? channel.coversGateway : channel.id === total);
    if (covering === undefined) return null;
    const { id, powerW, method } = covering.read();
    return powerW === null ? null : { source: id, powerW, method };
  }

  #channels(): ChannelWindow[] {
    return this.#samplers.flatMap(({ windows }) => windows).slice(0, CHANNELS_MAX);
  }

  /** Starts a write if none is under way: a slow disk must not hold up the sampling. */
  #saveBeside(around: PowerSurroundings): void {
    this.#saving ??= this.#save(around).finally(() => this.#saving = null);
  }

  /** Writes the energies; sources that are away keep theirs. */
  async #save(around: PowerSurroundings): Promise<void> {
    const { stateFile, files } = this.#options;
    for (const { channel, totalJ } of this.#channels()) {
      if (totalJ !== null) this.#totals.set(channel.id, totalJ);
    }
    if (stateFile === null) return;
    try {
      await saveTotals(files, stateFile, this.#totals);
      around.reportProblem("power.state_file", null);
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error);
      around.reportProblem("power.state_file", `Cannot keep the energies in ${stateFile}: ${found}`);
    }
  }
}
