/**
 * Who may have what of the monitor, decided from the head of a request alone. No I/O.
 *
 * A page on the internet must not reach a monitor through its visitor's browser. By its own address it cannot read
 * answers (no CORS header is ever sent) and is refused by `Origin` and `Sec-Fetch-Site`; under a name of its own that it
 * points at this machine (DNS rebinding) it is refused by `Host`. An IP address as host is always fine: rebinding needs a
 * name. Ports are not compared, so that a forwarded port works.
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { Clock } from "../core/clock.ts";

/** The head of a request, as far as it is looked at. */
export interface RequestHead {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

/** What is wrong with where a request comes from, with the HTTP status that says so; null when nothing is. */
export interface Refusal {
  readonly status: 400 | 403 | 421;
  readonly text: string;
}

/** What a guard is told. */
export interface GuardOptions {
  /** Null: whoever can connect may look. Only for loopback addresses. */
  readonly token: string | null;
  /** Host names besides `localhost` under which the monitor is called. */
  readonly hosts: readonly string[];
  readonly clock: Pick<Clock, "nowUs">;
}

/** Name of the session cookie. */
export const COOKIE = "quartz_session";
/** How long a log-in lasts, s. */
export const SESSION_S = 12 * 3600;
/** Most sessions at once; a new one ends the oldest. */
export const SESSIONS_MAX = 64;
/** Most failed log-ins a minute over all callers; what comes beyond them waits for the next minute. */
export const FAILURES_PER_MIN = 30;

/** Decides; keeps the sessions of those who logged in by form. */
export class Guard {
  readonly #tokenHash: Uint8Array | null;
  readonly #hosts: ReadonlySet<string>;
  readonly #clock: Pick<Clock, "nowUs">;
  /** Hash of a session's secret to its end, µs; oldest first. */
  readonly #sessions = new Map<string, number>();
  #failures = 0;
  #minuteUs = -Infinity;

  constructor({ token, hosts, clock }: GuardOptions) {
    this.#tokenHash = token === null ? null : hash(token);
    this.#hosts = new Set(["localhost", ...hosts.map((host) => host.toLowerCase())]);
    this.#clock = clock;
  }

  /** Whether a token is asked for at all. */
  get isLocked(): boolean {
    return this.#tokenHash !== null;
  }

  /** What is wrong with a request's host and origin. */
  refusal(head: RequestHead): Refusal | null {
    const name = hostName(head.host);
    if (name === null) return { status: 400, text: "A request must name one host" };
    if (isIP(name) === 0 && !this.#hosts.has(name)) {
      return {
        status: 421,
        text: "This monitor does not go by that host name: use its address, or add the name to monitor.hosts",
      };
    }
    if (head.origin !== undefined && !isSameOrigin(head.origin, head.host!)) {
      return { status: 403, text: "Pages of other origins may not use this monitor" };
    }
    // Following a link to the page is fine; anything else that another site starts is not.
    const isForeign = head.fetchSite === "cross-site" || head.fetchSite === "same-site";
    if (isForeign && head.fetchMode !== "navigate") {
      return { status: 403, text: "Pages of other sites may not use this monitor" };
    }
    return null;
  }

  /** Whether the request carries the token or a session. */
  isAllowed({ authorization, cookie }: Pick<RequestHead, "authorization" | "cookie">): boolean {
    if (this.#tokenHash === null) return true;
    const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (bearer !== undefined) return this.#isToken(bearer);
    const secret = sessionOf(cookie);
    if (secret === null) return false;
    const endUs = this.#sessions.get(sessionKey(secret));
    return endUs !== undefined && endUs > this.#clock.nowUs();
  }

  /** A new session's secret, or why there is none. */
  logIn(token: string): { readonly secret: string } | "wrong" | "later" {
    const nowUs = this.#clock.nowUs();
    if (nowUs - this.#minuteUs >= 60e6) {
      this.#minuteUs = nowUs;
      this.#failures = 0;
    }
    if (this.#failures >= FAILURES_PER_MIN) return "later";
    if (!this.#isToken(token)) {
      this.#failures++;
      return "wrong";
    }
    for (const [key, endUs] of this.#sessions) if (endUs <= nowUs) this.#sessions.delete(key);
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size < SESSIONS_MAX) break;
      this.#sessions.delete(key);
    }
    const secret = randomBytes(32).toString("base64url");
    this.#sessions.set(sessionKey(secret), nowUs + SESSION_S * 1e6);
    return { secret };
  }

  /** Ends the session that the cookie names, if there is one. */
  logOut(cookie: string | undefined): void {
    const secret = sessionOf(cookie);
    if (secret !== null) this.#sessions.delete(sessionKey(secret));
  }

  /** Hashes have one length, so comparing them takes one time, whatever the token. */
  #isToken(text: string): boolean {
    return this.#tokenHash !== null && timingSafeEqual(hash(text), this.#tokenHash);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** The host without its port, in lower case; null when there is none, or it is no host. */
function hostName(host: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec((host ?? "").toLowerCase());
  return match === null ? null : match[1] ?? match[2];
}

/** The scheme is free: a proxy in front may add TLS. */
function isSameOrigin(origin: string, host: string): boolean {
  return /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, "").toLowerCase() === host.toLowerCase();
}

function sessionOf(cookie: string | undefined): string | null {
  for (const part of (cookie ?? "").split(";")) {
    const [name, value] = part.trim().split("=");
    if (name === COOKIE && value) return value;
  }
  return null;
}

/** Sessions are found by a hash, so that looking one up gives nothing away about the others. */
function sessionKey(secret: string): string {
  return Buffer.from(hash(secret)).toString("base64");
}

function hash(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
