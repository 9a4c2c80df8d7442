/** The configuration's schema of the monitor, and its one rule between fields. */

import { isIP } from "node:net";
import * as z from "zod";
import type { Problem } from "./problems.ts";
import { integer } from "./schema_parts.ts";

/** Shortest token: 16 characters of a generator are beyond guessing. */
const TOKEN_LENGTH_MIN = 16;
/** Where it listens when nothing is said. */
const LISTEN_DEFAULT = "127.0.0.1:8480";

/** The page, its events, and `/metrics`. */
export const monitor = z.strictObject({
  listen: z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):\d{1,5}$/, "HOST:PORT").default(LISTEN_DEFAULT)
    .meta({
      description: "Address and port; any other than this machine's own (127.0.0.1, ::1, localhost) needs a token.",
      examples: [LISTEN_DEFAULT, "0.0.0.0:8480", "[::1]:8480"],
    }),
  token: z.string().regex(/^[\x21-\x7e]{16,1024}$/, "16 to 1024 visible ASCII characters").nullable().default(null)
    .meta({
      description: `Secret of those who may look, ${TOKEN_LENGTH_MIN} characters or more, best by reference.`,
      examples: ["${file:/run/secrets/monitor}", "${env:MONITOR_TOKEN}"],
    }),
  hosts: z.array(z.string().regex(/^[a-zA-Z0-9._-]{1,253}$/, "a host name")).max(64).default([])
    .meta({
      description: "Names under which browsers reach it, besides localhost; addresses always work.",
      examples: [["gw7.lan"]],
    }),
  viewers_max: integer(1, 1000).default(200).meta({ description: "Most viewers at once.", examples: [200] }),
  page: z.boolean().default(true).meta({ description: "Serve the page and its events.", examples: [true] }),
  metrics: z.boolean().default(true).meta({ description: "Serve /metrics for Prometheus.", examples: [true] }),
}).nullable().default(null)
  .meta({
    description: "A local page to watch the gateway with, and figures for Prometheus; absent: none.",
    examples: [{ listen: LISTEN_DEFAULT }],
  });

/** `HOST:PORT` taken apart; the brackets of an IPv6 address are gone. */
export function parseListen(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(":");
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(listen.slice(colon + 1)) };
}

/** Whether only this machine can reach a host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Who is reachable by others needs a token. `value` is unchecked. */
export function checkMonitor(value: Record<string, unknown> | null): Problem[] {
  if (value === null) return [];
  const { listen = LISTEN_DEFAULT, token = null } = value;
  if (typeof listen !== "string") return [];
  const { host, port } = parseListen(listen);
  if (port > 65_535) return [{ path: ["monitor", "listen"], expected: "a port from 0 to 65535", found: `${port}` }];
  if (isLoopback(host) || token !== null) return [];
  return [{
    path: ["monitor", "token"],
    expected: `a token, as others than this machine can reach ${host}`,
    found: "none",
    hint: "put 16 characters or more into a file and set token: ${file:/path}, or listen on 127.0.0.1",
  }];
}
