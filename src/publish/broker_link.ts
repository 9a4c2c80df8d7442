/** Keeps a session with the broker going: one attempt after the other, with pauses, until closed. */

import type { Problem } from "../core/messages.ts";
import { redactSecrets } from "../core/redact.ts";
import type { PublisherState } from "../ports/publisher.ts";
import type { CheckedOptions } from "./mqtt_options.ts";
import { openSession, type Session, type Subscription } from "./mqtt_session.ts";
import type { SessionEnd } from "./session_end.ts";

/** A session that lasted this long was a good one: the next pause is the shortest again. */
const STABLE_US = 5_000_000;
/** Shortest pause after the broker said no: asking again soon changes nothing, and may lock the account. */
const REFUSED_PAUSE_MS_MIN = 5_000;

/** What a link tells its owner. */
export interface LinkOptions extends CheckedOptions {
  readonly statusTopic: string;
  readonly subscriptions: readonly Subscription[];
  readonly onOnline: (session: Session, protocol: "5" | "3.1.1") => void;
  /** The session is gone, and with it the answers to what it was sent; also after attempts that never got online. */
  readonly onEnded: (end: SessionEnd) => void;
}

/** A broker, as far as it can be reached. Starts connecting when made. */
export class BrokerLink {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  #state: PublisherState = "connecting";
  #problem: Problem | null = null;
  #protocol: "5" | "3.1.1";
  #onlineAtUs: number | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#protocol = options.protocol === "3.1.1" ? "3.1.1" : "5";
    this.#loop = this.#run();
  }

  get state(): PublisherState {
    return this.#state;
  }
  /** Why there is no session; null while there is one, and before the first attempt ended. */
  get problem(): Problem | null {
    return this.#problem;
  }

  /** Ends session and attempts without goodbye; nothing is left open when it resolves. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#loop;
    this.#state = "offline";
  }

  async #run(): Promise<void> {
    const { clock, log, name, protocol } = this.#options;
    const signal = this.#closing.signal;
    let failures = 0;
    while (!signal.aborted) {
      this.#state = "connecting";
      const end = await this.#runSession();
      this.#state = "offline";
      this.#options.onEnded(end);
      if (signal.aborted || end.kind === "closed") return;
      if (end.kind === "version" && protocol === "auto" && this.#protocol === "5") {
        this.#protocol = "3.1.1";
        log("info", `${name} does not speak MQTT 5; going on with MQTT 3.1.1`, { broker: name });
        continue;
      }
      const stable = this.#onlineAtUs !== null && clock.nowUs() - this.#onlineAtUs >= STABLE_US;
      failures = stable ? 0 : failures + 1;
      const retryMs = this.#pauseMs(failures, end);
      this.#report(end, retryMs);
      await clock.sleep(retryMs, signal);
    }
  }

  /** One connection, from attempt to end. */
  async #runSession(): Promise<SessionEnd> {
    const protocol = this.#protocol;
    const signal = this.#closing.signal;
    this.#onlineAtUs = null;
    let session: Session;
    try {
      session = openSession({ ...this.#options, protocol, onOnline: () => this.#onOnline(session, protocol) });
    } catch (error) {
      // A certificate or key that cannot be read, for one, fails before there is a socket.
      return { kind: "refused", text: error instanceof Error ? error.message : String(error) };
    }
    const abort = () => session.destroy();
    signal.addEventListener("abort", abort, { once: true });
    const end = await session.ended;
    signal.removeEventListener("abort", abort);
    return end;
  }

  #onOnline(session: Session, protocol: "5" | "3.1.1"): void {
    const { clock, log, name } = this.#options;
    this.#state = "online";
    this.#problem = null;
    this.#onlineAtUs = clock.nowUs();
    log("info", `Publishing to ${name} over MQTT ${protocol}`, { broker: name, protocol });
    this.#options.onOnline(session, protocol);
  }

  /** Capped, exponential, and spread over its upper half so that a fleet does not return in step. */
  #pauseMs(failures: number, end: SessionEnd): number {
    const { reconnectMsMin, reconnectMsMax, random } = this.#options;
    const refused = end.kind === "refused" || end.kind === "version";
    const least = refused ? Math.max(reconnectMsMin, REFUSED_PAUSE_MS_MIN) : reconnectMsMin;
    const most = Math.max(reconnectMsMax, least);
    return Math.min(most, least * 2 ** Math.min(Math.max(failures - 1, 0), 20)) * random.between(0.5, 1);
  }

  /** Tells why there is no session: aloud when the reason is new, quietly when it is the old one. */
  #report(end: SessionEnd, retryMs: number): void {
    const { clock, log, name, username, password } = this.#options;
    const user = end.kind === "refused" && username !== undefined ? ` as user "${username}"` : "";
    const found = redactSecrets(end.text, [password]);
    const text = end.kind === "lost"
      ? `Lost the connection to ${name}: ${found}`
      : `Cannot connect to ${name}${user} as the broker must accept the connection: found ${found}`;
    const isNew = this.#problem?.text !== text;
    this.#problem = { what: "broker", sinceWallMs: this.#problem?.sinceWallMs ?? clock.wallMs(), text };
    const level = end.kind === "refused" || end.kind === "version" ? "error" : "warn";
    const facts = { code: `publish.${end.kind}`, broker: name, hint: end.hint, retryMs: Math.round(retryMs) };
    log(isNew ? level : "debug", text, facts);
  }
}
