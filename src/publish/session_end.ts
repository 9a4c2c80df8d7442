/** Why a broker connection ended, in words that name what to mend. */

/** The end of one connection, or of the attempt at one. */
export interface SessionEnd {
  /**
   * `version`: the broker does not speak this MQTT version. `refused`: it answered and said no, so that trying again
   * soon is no use. `unreachable`: nobody answered. `lost`: it worked, and then it did not.
   * `closed`: this side said goodbye.
   */
  readonly kind: "version" | "refused" | "unreachable" | "lost" | "closed";
  /** What was found: the second half of "as …: found …". */
  readonly text: string;
  readonly hint?: string;
  /** The session worked until the broker closed it, and what it was sent may be why. */
  readonly mayBeMessage?: true;
}

/** MQTT 3.1.1 return codes (1 to 5) and MQTT 5 reason codes that refuse a connection, by what they ask for. */
const HINTS: Readonly<Record<number, string>> = {
  2: "Choose another client id",
  4: "Check user name and password",
  5: "Check user name, password and the broker's access rules",
  133: "Choose another client id",
  134: "Check user name and password",
  135: "Check user name, password and the broker's access rules",
  138: "Ask who runs the broker why this client is banned",
  142: "Another client connects with this client id; each gateway needs its own",
  144: "Check the base topic against the broker's access rules",
  151: "The broker's quota for this client is used up: ask who runs it, or publish less",
  154: "This broker keeps no messages; quartz-edge needs retained messages for its status",
  155: "This broker takes no QoS 1 messages; quartz-edge needs them",
};

/** A broker that closes without a reason; some do so to the older of two clients with one id. */
const HINT_CLOSED = "The broker's log says why; it may be that another client connects with this client id";

/** Quota exceeded: of a message, it is no fault of that message, which waits until there is room again. */
export const QUOTA_EXCEEDED = 151;
/** Reasons of a DISCONNECT that are about what the client sent: malformed, protocol, not authorized, topic, size, format. */
const MESSAGE_CODES = [129, 130, 135, 144, 149, 153];
/** The code of our own error for a broker that answers no message although it lives. */
export const UNANSWERED = "UNANSWERED";
/** Besides that, how a connection looks that the other side closed with bytes of ours unread. */
const MESSAGE_ERRORS = [UNANSWERED, "ECONNRESET", "EPIPE"];

/** Return code 1 of MQTT 3.1.1 and reason code 0x84 of MQTT 5. */
const VERSION_CODES = [1, 132];

/** Tells from what mqtt.js reported, if anything, and whether the session had been online. */
export function sessionEndOf(error: unknown, wasOnline: boolean): SessionEnd {
  if (!(error instanceof Error)) {
    return wasOnline
      ? { kind: "lost", text: "the broker closed the connection", hint: HINT_CLOSED, mayBeMessage: true }
      : { kind: "unreachable", text: "the connection was closed before the broker answered" };
  }
  const code = (error as Error & { readonly code?: unknown }).code;
  if (typeof code === "number") return refusal(error.message, code, wasOnline);
  const text = error.message === "" ? String(code) : error.message; // AggregateError has its text in the code only
  if (wasOnline) {
    return { kind: "lost", text, ...(MESSAGE_ERRORS.includes(String(code)) && { mayBeMessage: true as const }) };
  }
  const hint = typeof code === "string" ? hintForSystemCode(code) : undefined;
  return hint === undefined ? { kind: "unreachable", text } : { kind: "unreachable", text, hint };
}

/** A PUBACK's or DISCONNECT's reason code as words. */
export function reasonText(code: number): string {
  return `reason 0x${code.toString(16).padStart(2, "0")}`;
}

// ---

function refusal(message: string, code: number, wasOnline: boolean): SessionEnd {
  if (!wasOnline && VERSION_CODES.includes(code)) return { kind: "version", text: message };
  const text = `${message} (${reasonText(code)})`;
  const kind = wasOnline && code !== QUOTA_EXCEEDED ? "lost" : "refused";
  return {
    kind,
    text,
    ...(HINTS[code] !== undefined && { hint: HINTS[code] }),
    ...(wasOnline && MESSAGE_CODES.includes(code) && { mayBeMessage: true as const }),
  };
}

function hintForSystemCode(code: string): string | undefined {
  if (code === "ECONNREFUSED") return "Nothing listens there: check host and port, and that the broker runs";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "The host name does not resolve";
  if (code === "SELF_SIGNED_CERT_IN_CHAIN" || code === "DEPTH_ZERO_SELF_SIGNED_CERT") {
    return "Give the certificate of the broker's own authority as tls.ca";
  }
  if (code.includes("CERTIFICATE_REQUIRED")) return "The broker wants a client certificate: give tls.cert and tls.key";
  return code.includes("CERT") || code.includes("TLS") || code.includes("SSL")
    ? "Check the certificates, the host name in them and the clock of this machine"
    : undefined;
}
