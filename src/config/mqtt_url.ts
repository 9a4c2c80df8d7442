/** The rule for broker URLs, shared by the configuration and the command line. */

import { REDACTED } from "./secret.ts";

/** What is wrong with a broker URL; `found` is safe to print. */
export interface UrlProblem {
  readonly expected: string;
  readonly found: string;
  readonly hint?: string;
}

const SCHEMES = ["mqtt:", "mqtts:", "ws:", "wss:"];
const URL_LENGTH_MAX = 1024;

/** Checks `mqtt://host:port` (or mqtts, ws, wss; ws and wss may have a path); `null` when it is good. */
export function checkMqttUrl(text: string): UrlProblem | null {
  const expected = "a broker URL such as mqtt://127.0.0.1:1883 (mqtt, mqtts, ws or wss)";
  const found = JSON.stringify(redactBrokenUrl(text.slice(0, URL_LENGTH_MAX)));
  if (text.length > URL_LENGTH_MAX) {
    return { expected: `at most ${URL_LENGTH_MAX} characters`, found: `${text.length} characters` };
  }
  const url = URL.parse(text);
  if (text.includes("@") || url?.username || url?.password) {
    return {
      expected: "a broker URL without user name and password",
      found,
      hint: "set username and password beside the URL; the password can be ${env:NAME} or ${file:/path}",
    };
  }
  if (url === null || !SCHEMES.includes(url.protocol) || url.hostname === "" || /[\s\0]/.test(text)) {
    return { expected, found };
  }
  if (url.search !== "" || url.hash !== "") return { expected: "a broker URL without ? and #", found };
  const isWeb = url.protocol.startsWith("ws");
  if (!isWeb && url.pathname !== "" && url.pathname !== "/") {
    return {
      expected: "a broker URL without a path",
      found,
      hint: "only ws and wss have one; topics start with base_topic",
    };
  }
  return null;
}

/** True when the connection to `url` is encrypted. */
export function isTlsUrl(url: string): boolean {
  return /^(mqtts|wss):/i.test(url);
}

/** The URL without what may be a credential: all after the scheme when there is an `@`, else all after `?` or `#`. */
export function redactBrokenUrl(text: string): string {
  if (text.includes("@")) return (/^[a-z]{1,8}:\/\//i.exec(text)?.[0] ?? "") + REDACTED;
  return text.replace(/[?#].*$/s, (tail) => tail[0] + REDACTED);
}
