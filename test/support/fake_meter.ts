/** A power meter whose readings a test gives. */

import type { PowerChannel, PowerMeter, PowerReading } from "../../src/ports/power_meter.ts";

/** A channel of a board, measured, in watts, unless told otherwise. */
export function fakeChannel(channel: Partial<PowerChannel> = {}): PowerChannel {
  return {
    id: "board",
    kind: "hwmon",
    scope: "board",
    method: "measured",
    detail: "a fake",
    coversGateway: true,
    counter: null,
    ...channel,
  };
}

/** Reads what `next` gives at that time. */
export function fakeMeter(
  next: () => PowerReading | null,
  { channel = {}, everyMs = 0 }: { readonly channel?: Partial<PowerChannel>; readonly everyMs?: number } = {},
): PowerMeter & { readonly isClosed: boolean } {
  let isClosed = false;
  return {
    name: "fake",
    everyMs,
    channels: [fakeChannel(channel)],
    read: () => Promise.resolve([isClosed ? { fault: "the meter is closed" } : next()]),
    get isClosed() {
      return isClosed;
    },
    [Symbol.asyncDispose]() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}
