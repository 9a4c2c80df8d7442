/**
 * A meter that answers HTTP requests with JSON: smart plugs (Shelly, Tasmota) and whatever else can be asked for watts.
 *
 * | device                | url                                | power_pointer           |
 * | --------------------- | ---------------------------------- | ----------------------- |
 * | Shelly, generation 2+ | http://HOST/rpc/Switch.GetStatus?id=0 | /apower              |
 * | Shelly, generation 1  | http://HOST/status                 | /meters/0/power         |
 * | Tasmota               | http://HOST/cm?cmnd=Status%208     | /StatusSNS/ENERGY/Power |
 *
 * With `energy_pointer` instead, a counter of watt-hours is read; such counters move rarely, so short windows stay empty.
 */

import { Buffer } from "node:buffer";
import type { Clock } from "../../src/core/clock.ts";
import { redactUrl } from "../../src/core/redact.ts";
import type { PowerChannel, PowerMeter, PowerReading } from "../../src/ports/power_meter.ts";

/** Where the meter is and what to read in its answer. */
export interface HttpMeterOptions {
  readonly id: string;
  /** Without credentials. */
  readonly url: string;
  readonly username: string | null;
  readonly password: string | null;
  /** JSON pointer (RFC 6901) to watts; or null, and `energyPointer` to watt-hours. */
  readonly powerPointer: string | null;
  readonly energyPointer: string | null;
  /** What a number there is multiplied by to be W or Wh. */
  readonly scale: number;
  readonly scope: "board" | "rail" | "accelerator";
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const ANSWER_BYTES_MAX = 64 * 1024;

/** A meter; it asks for the first time when it is read for the first time. */
export function createHttpMeter(options: HttpMeterOptions): PowerMeter {
  const { id, url, username, password, powerPointer, energyPointer, scale, scope, everyMs, timeoutMs, clock } = options;
  const closing = new AbortController();
  const channel: PowerChannel = {
    id,
    kind: "http",
    scope,
    method: "measured",
    detail: `${redactUrl(url)}${powerPointer ?? energyPointer}; its own clock, losses of the supply included`,
    coversGateway: scope === "board",
    counter: powerPointer === null ? { rangeJ: null, unmoved: "unknown" } : null,
  };
  const headers: Record<string, string> = { accept: "application/json" };
  if (username !== null || password !== null) {
    headers.authorization = `Basic ${Buffer.from(`${username ?? ""}:${password ?? ""}`).toString("base64")}`;
  }

  async function ask(): Promise<PowerReading> {
    const late = new AbortController();
    const finished = new AbortController();
    const watching = clock.sleep(timeoutMs, AbortSignal.any([finished.signal, closing.signal])).then(() => {
      if (!finished.signal.aborted) late.abort();
    });
    try {
      // Redirections could lead to a host that nobody allowed.
      const response = await fetch(url, { headers, redirect: "manual", signal: late.signal });
      if (response.status !== 200) {
        await response.body?.cancel();
        return { fault: `must answer with HTTP status 200: found ${response.status}` };
      }
      return valueOf(await readText(response));
    } catch (error) {
      if (closing.signal.aborted) return { fault: "the meter is closed" };
      const found = late.signal.aborted ? `nothing after ${timeoutMs} ms` : messageOf(error);
      return { fault: redactUrl(`must answer: found ${found}`) };
    } finally {
      finished.abort();
      await watching;
    }
  }

  function valueOf(text: string | null): PowerReading {
    if (text === null) return { fault: `must answer with at most ${ANSWER_BYTES_MAX} bytes: found more` };
    const pointer = powerPointer ?? energyPointer ?? "";
    let found: unknown;
    try {
      found = pointed(JSON.parse(text), pointer);
    } catch {
      return { fault: "must answer with JSON: found something else" };
    }
    const number = typeof found === "string" && found.trim() !== "" ? Number(found) : found;
    if (typeof number !== "number" || !Number.isFinite(number)) {
      return { fault: `must have a number at ${pointer}: found ${shown(found)}` };
    }
    return powerPointer === null ? { counterJ: number * scale * 3600 } : { powerW: number * scale };
  }

  return {
    name: `http meter ${id}`,
    everyMs,
    channels: [channel],
    read: async () => [closing.signal.aborted ? { fault: "the meter is closed" } : await ask()],
    [Symbol.asyncDispose]() {
      closing.abort();
      return Promise.resolve();
    },
  };
}

/** What a JSON pointer (RFC 6901) points to; undefined when there is nothing. */
export function pointed(value: unknown, pointer: string): unknown {
  let here = value;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}

// ---------------------------------------------------------------------------------------------------------------------

/** All of a body, or null when it is longer than the limit. */
async function readText(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > ANSWER_BYTES_MAX) return null; // leaving the loop cancels the body
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 60);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
