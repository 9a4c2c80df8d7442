/** Whether the primary host application is there, by the STATE messages that it has the broker keep. */

/** What a STATE message changed. */
export type HostChange = "online" | "offline" | null;

/** Longer messages are no STATE. */
const STATE_BYTES_MAX = 1024;

/** Follows one host. */
export class PrimaryHost {
  readonly topic: string;
  #onlineTimestamp: number | null = null;

  constructor(host: string) {
    this.topic = `spBv1.0/STATE/${host}`;
  }

  /** A new connection: what was known is not known of this broker. */
  forget(): void {
    this.#onlineTimestamp = null;
  }

  /** Reads `{"online": true, "timestamp": ms}`. An offline that is older than the online one is a late will, and nothing. */
  read(payload: Uint8Array): HostChange {
    const state = parseState(payload);
    if (state === null) return null;
    if (state.online) {
      const isNew = this.#onlineTimestamp === null;
      this.#onlineTimestamp = Math.max(state.timestamp, this.#onlineTimestamp ?? state.timestamp);
      return isNew ? "online" : null;
    }
    if (this.#onlineTimestamp === null || state.timestamp < this.#onlineTimestamp) return null;
    this.#onlineTimestamp = null;
    return "offline";
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function parseState(payload: Uint8Array): { online: boolean; timestamp: number } | null {
  if (payload.length > STATE_BYTES_MAX) return null;
  try {
    const { online, timestamp } = JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
    if (typeof online !== "boolean" || typeof timestamp !== "number") return null;
    return { online, timestamp };
  } catch {
    return null;
  }
}
