/** The broker's certificate and ours: who signed, until when, for which names; and what the other side says of ours. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type PeerCertificate } from "node:tls";
import type { Clock } from "../../../core/clock.ts";
import type { BrokerAddress, TlsOptions } from "../../../publish/mqtt_session.ts";
import { advice, failed, type Finding, inConfig, type Mend, ok, skipped, warning } from "../check.ts";

/** What is asked. */
export interface TlsQuestion {
  readonly address: BrokerAddress;
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A certificate that ends so soon is worth a word, days. */
const EXPIRES_SOON_DAYS = 21;
const DAY_MS = 86_400_000;
/** TLS 1.3 tells of a missing client certificate after the handshake: how long it is listened for, ms. */
const AFTERTHOUGHT_MS = 400;

/** Checks our certificates, then looks at the broker's. */
export async function checkTls(question: TlsQuestion): Promise<Finding> {
  const { address, tls } = question;
  if (address.protocol !== "mqtts" && address.protocol !== "wss") {
    const isLocal = ["localhost", "127.0.0.1", "::1"].includes(address.host);
    return isLocal ? skipped("none: the broker is on this machine") : warning(
      "none: everyone on the way can read and change messages, and read the password",
      inConfig(`mqtt.url: ${address.protocol === "ws" ? "wss" : "mqtts"}://${address.host}`),
    );
  }
  return checkOwn(tls, question.clock.wallMs()) ?? await checkTheirs(question);
}

// ---------------------------------------------------------------------------------------------------------------------

/** What is wrong with the certificates of the configuration; null when nothing is. */
function checkOwn(tls: TlsOptions | undefined, wallMs: number): Finding | null {
  const { ca, cert, key } = tls ?? {};
  const authority = ca === undefined ? null : parse(ca);
  if (authority === "broken") {
    return failed("mqtt.tls.ca holds no certificate that can be read", advice("it must be PEM"));
  }
  if (authority !== null) {
    const dates = datesProblem(authority.validFromDate.getTime(), authority.validToDate.getTime(), wallMs);
    if (dates !== null) return failed(`the authority in mqtt.tls.ca ${dates}`, advice("get its new certificate"));
  }
  if (cert === undefined || key === undefined) return null;
  const own = parse(cert);
  if (own === null || own === "broken") {
    return failed("mqtt.tls.cert holds no certificate that can be read", advice("it must be PEM"));
  }
  const dates = datesProblem(own.validFromDate.getTime(), own.validToDate.getTime(), wallMs);
  if (dates !== null) return failed(`our certificate ${dates}`, advice("ask the broker's authority for a new one"));
  try {
    if (own.checkPrivateKey(createPrivateKey(key))) return null;
    return failed(
      "mqtt.tls.key is the key of another certificate than mqtt.tls.cert",
      advice("name the two that were made together"),
    );
  } catch {
    return failed("mqtt.tls.key holds no key that can be read", advice("it must be PEM, without a passphrase"));
  }
}

function parse(pem: string): X509Certificate | "broken" | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return "broken";
  }
}

interface Handshake {
  readonly certificate: PeerCertificate | null;
  readonly isTrusted: boolean;
  /** Why it is not, `CERT_HAS_EXPIRED` and the like. */
  readonly reason: string;
  readonly version: string | null;
  /** What ended the connection, if anything. */
  readonly error: (Error & { readonly code?: string }) | null;
}

/** One handshake. The certificate is looked at whoever signed it, so nothing is ever sent over this connection. */
function shake({ address: { host, port }, tls, clock, signal }: TlsQuestion): Promise<Handshake> {
  return new Promise((resolve) => {
    const servername = isIP(host) === 0 ? host : undefined;
    const socket = connect({ host, port, servername, ...tls, rejectUnauthorized: false });
    let handshake: Handshake = { certificate: null, isTrusted: false, reason: "", version: null, error: null };
    const stop = () => void socket.destroy();
    const closed = new AbortController();
    signal.addEventListener("abort", stop, { once: true });
    socket.once("secureConnect", () => {
      handshake = {
        certificate: socket.getPeerCertificate(),
        isTrusted: socket.authorized,
        reason: reasonOf(socket.authorizationError),
        version: socket.getProtocol(),
        error: null,
      };
      void clock.sleep(AFTERTHOUGHT_MS, closed.signal).then(stop);
    });
    socket.once("error", (error) => handshake = { ...handshake, error });
    socket.once("close", () => {
      signal.removeEventListener("abort", stop);
      closed.abort();
      resolve(handshake);
    });
    socket.resume(); // an alert is read with the data
  });
}

function reasonOf(error: unknown): string {
  if (error === null || error === undefined) return "";
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : String(error);
}

async function checkTheirs(question: TlsQuestion): Promise<Finding> {
  const { address, clock } = question;
  const wallMs = clock.wallMs();
  const { certificate, isTrusted, reason, version, error } = await shake(question);
  if (certificate === null || !certificate.valid_to) {
    return failed(
      `no TLS there (${error?.message ?? "the connection was closed"})`,
      advice(handshakeHint(error, address)),
    );
  }
  const who = `certificate of ${nameOf(certificate.subject)}, signed by ${nameOf(certificate.issuer)}`;
  const fromMs = Date.parse(certificate.valid_from);
  const toMs = Date.parse(certificate.valid_to);
  const dates = datesProblem(fromMs, toMs, wallMs);
  if (dates !== null) {
    return failed(`${who}, ${dates}`, advice("the broker needs a new certificate; or this clock is wrong, see clock"));
  }
  if (!isTrusted) return distrust({ certificate, reason, who, address });
  if (error !== null) {
    return failed(`${who}; the broker then ended it: ${error.message}`, clientHint(error, question.tls));
  }
  const days = Math.floor((toMs - wallMs) / DAY_MS);
  const found = `${version}, ${who}, until ${new Date(toMs).toISOString().slice(0, 10)}`;
  if (days >= EXPIRES_SOON_DAYS) return ok(found);
  return warning(`${found}, in ${days} day(s)`, advice("the broker needs a new certificate soon"));
}

function distrust({ certificate, reason, who, address }: {
  readonly certificate: PeerCertificate;
  readonly reason: string;
  readonly who: string;
  readonly address: BrokerAddress;
}): Finding {
  if (reason.includes("ALTNAME")) {
    const names = (certificate.subjectaltname ?? "").split(", ").map((name) => name.replace(/^(DNS|IP Address):/, ""));
    return failed(
      `${who}, is for ${names.join(", ")} and not for ${address.host}`,
      inConfig(`mqtt.url: ${address.protocol}://${names[0]}:${address.port}`),
    );
  }
  const issuer = nameOf(certificate.issuer);
  return failed(
    `${who}, which is trusted neither by mqtt.tls.ca nor by this system (${reason})`,
    inConfig(`mqtt.tls.ca: /etc/quartz-edge/ca.pem   # the certificate of ${issuer}, from who runs the broker`),
  );
}

function handshakeHint(error: Handshake["error"], { port }: BrokerAddress): string {
  const text = `${error?.code ?? ""} ${error?.message ?? ""}`;
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/i.test(text)) {
    return "the broker may want a client certificate: mqtt.tls.cert, mqtt.tls.key";
  }
  return port === 1883
    ? "1883 is the port without TLS: brokers have TLS on 8883"
    : "is this the broker's port for TLS?";
}

function clientHint(error: NonNullable<Handshake["error"]>, tls: TlsOptions | undefined): Mend {
  const hasOwn = tls?.cert !== undefined;
  if (!hasOwn) {
    return inConfig("mqtt.tls.cert: /etc/quartz-edge/gateway.crt", "mqtt.tls.key: /etc/quartz-edge/gateway.key");
  }
  return advice(
    /UNKNOWN_CA|CERT|DECRYPT/i.test(`${error.code} ${error.message}`)
      ? "the broker does not know the authority of our certificate: ask who runs it for one of theirs"
      : "ask who runs the broker what it has against this client",
  );
}

function datesProblem(fromMs: number, toMs: number, wallMs: number): string | null {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (wallMs > toMs) return `ended on ${day(toMs)}`;
  return wallMs < fromMs ? `begins on ${day(fromMs)}, and this clock shows ${day(wallMs)}` : null;
}

function nameOf(name: PeerCertificate["subject"] | undefined): string {
  const { CN, O } = name ?? {};
  const text = CN ?? O ?? "nobody";
  return JSON.stringify(Array.isArray(text) ? text.join(", ") : text);
}
