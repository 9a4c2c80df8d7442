/** Which URLs a camera may have: held before any program sees them, and again by the drivers. */

import type { Issue } from "./errors.ts";
import { redactUrl } from "./redact.ts";

/** URL schemes by what is read from them; nothing else is ever handed to a program or fetched. */
export const CAMERA_URL_SCHEMES = {
  rtsp: ["rtsp", "rtsps"],
  mjpeg: ["http", "https"],
  snapshot: ["http", "https"],
} as const;

/** Longest URL, characters. */
const URL_LENGTH_MAX = 2048;

/** What is wrong with a camera's URL, safe to print; null when it is good. Credentials do not belong into it. */
export function checkCameraUrl(text: string, kind: keyof typeof CAMERA_URL_SCHEMES): Omit<Issue, "where"> | null {
  const schemes: readonly string[] = CAMERA_URL_SCHEMES[kind];
  const expected = `a URL such as ${schemes[0]}://camera.lan/stream (${schemes.join(" or ")})`;
  if (text.length > URL_LENGTH_MAX) {
    return { expected: `at most ${URL_LENGTH_MAX} characters`, found: `${text.length} characters` };
  }
  const found = JSON.stringify(redactUrl(text));
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.username || url?.password || /^[^/]*:\/\/[^/]*@/.test(text)) {
    return {
      expected: "a camera URL without user name and password",
      found,
      hint: "set username and password beside the URL; the password can be ${env:NAME} or ${file:/path}",
    };
  }
  // Control characters and spaces would be dropped by the parser, and read otherwise by the program behind it.
  const isClean = /^[\x21-\x7e]+$/.test(text);
  if (url === null || !isClean || !schemes.includes(url.protocol.slice(0, -1)) || url.hostname === "") {
    return { expected, found };
  }
  return null;
}
