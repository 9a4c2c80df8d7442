/** The other end of a monitor's events: connects, reads, and connects again. */

import { createBackoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { EdgeError } from "../core/errors.ts";
import type { Random } from "../core/random.ts";
import { EventText } from "./event_text.ts";

/** Where to listen. */
export interface EventClientOptions {
  /** Of the monitor: `http://127.0.0.1:8480/`. */
  readonly url: string;
  readonly token: string | null;
  readonly clock: Clock;
  readonly random: Random;
  onEvent(name: string, data: string): void;
  /** Null: connected. Otherwise why not; it goes on trying. */
  onConnection(problem: string | null): void;
}

const RECONNECT_MS_MIN = 500;
const RECONNECT_MS_MAX = 15_000;

/**
 * Reads figures, without frames, until `signal` is aborted.
 *
 * @throws {EdgeError} `top.refused` when the monitor says no for good: a wrong token, a name that it does not go by
 */
export async function readEvents(options: EventClientOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, onConnection } = options;
  const backoff = createBackoff({ minMs: RECONNECT_MS_MIN, maxMs: RECONNECT_MS_MAX, random });
  while (!signal.aborted) {
    try {
      await readOnce(options, signal, backoff.reset);
      onConnection("the gateway ended the connection");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof EdgeError) throw error;
      onConnection(causeOf(error));
    }
    await clock.sleep(backoff.nextMs(), signal);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

async function readOnce(
  { url, token, onEvent, onConnection }: EventClientOptions,
  signal: AbortSignal,
  onConnected: () => void,
): Promise<void> {
  const headers = new Headers({ accept: "text/event-stream" });
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  // A monitor never redirects a program, and a token must not follow one.
  const response = await fetch(new URL("events?view=figures", url), { headers, signal, redirect: "error" });
  if (!response.ok || response.body === null) {
    const text = (await response.text()).trim().slice(0, 300);
    if (response.status === 503) throw new Error(text);
    throw new EdgeError("top.refused", `The monitor answers ${response.status}: ${text}`, {
      hint: response.status === 401 ? "Name a file with its token: --token-file FILE" : undefined,
    });
  }
  onConnected();
  onConnection(null);
  const events = new EventText(onEvent);
  const decoder = new TextDecoder();
  for await (const chunk of response.body) events.push(decoder.decode(chunk, { stream: true }));
}

/** What stopped a fetch, in words: its own message says only that it failed. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
