/** The seam between the runtime and whatever knows how much power something draws: a sensor, a board, a model. */

import type { EnergyModel, Method, PowerScope } from "../core/messages.ts";

/**
 * One device with one or more channels (rails).
 *
 * Opening is a factory's business. A meter never adds channels to each other and never makes a value up: what it did not
 * read it does not report.
 */
export interface PowerMeter extends AsyncDisposable {
  /** For the log: `ina3221 1-0040`, `http meter plug`. Never a secret. */
  readonly name: string;
  /** The device has nothing new more often than this, ms; 0: read it as often as you like. */
  readonly everyMs: number;
  /** May grow (a board names its rails when it connects); entries never change and never go. */
  readonly channels: readonly PowerChannel[];
  /**
   * Reads every channel once: one entry a channel, in the order of `channels`; null when there is nothing new.
   *
   * Takes as long as the device takes and does not hold up the event loop meanwhile. Never rejects: a channel that cannot
   * be read has a `PowerFault`, and is tried again by the next call, so a device that comes back is found again. One call
   * at a time. After dispose, which also ends a call under way, every channel is at fault. The entries are the caller's.
   */
  read(): Promise<readonly (PowerReading | null)[]>;
}

/** What a channel is; published in `info`. */
export interface PowerChannel {
  /** `[a-z0-9_-]{1,64}`, the same after every start and boot while the device is the same. */
  readonly id: string;
  readonly kind: string;
  readonly scope: PowerScope;
  readonly method: Method;
  /** The device, its path or address, and what the channel covers; never a secret. */
  readonly detail: string;
  /** It measures all that this gateway draws. */
  readonly coversGateway: boolean;
  /** How to read `counterJ`; null when the channel reports power. */
  readonly counter: CounterRule | null;
  /** What an estimate multiplies its counters by. */
  readonly model?: EnergyModel;
}

/** How an energy counter behaves. */
export interface CounterRule {
  /** It starts again from 0 after this many joules; null: it never does. */
  readonly rangeJ: number | null;
  /**
   * What it means when it does not move: `idle`: nothing was drawn; `unknown`: too little to show, so nothing new;
   * `fault`: the device always draws something, so after a while the counter has stopped.
   */
  readonly unmoved: "idle" | "unknown" | "fault";
}

/** A value, or why there is none. */
export type PowerReading = PowerValue | PowerFault;

/** What a channel said: power of now, or its counter. Numbers are as the device gave them, negative or absurd ones too. */
export interface PowerValue {
  /** W; of a channel without a counter. */
  readonly powerW?: number;
  /** J; of a channel with one. */
  readonly counterJ?: number;
  readonly voltageV?: number;
  readonly currentA?: number;
  /** When it was so, µs of the host's monotonic clock; absent: in the middle of the call. */
  readonly atUs?: number;
}

/** No value this time. */
export interface PowerFault {
  /** What is wrong and, where somebody can mend it, how. */
  readonly fault: string;
}
