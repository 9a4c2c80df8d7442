/**
 * The monitor's HTTP server: a fixed list of paths, small limits on everything that a caller can send, and a guard in
 * front. It listens again and again while its port is taken, and what goes wrong in it stays in it.
 */

import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Backoff, createBackoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { METRICS_CONTENT_TYPE } from "../telemetry/prometheus_text.ts";
import type { Asset } from "./assets.ts";
import { COOKIE, Guard, type RequestHead, SESSION_S } from "./guard.ts";
import type { ViewerEvent, Viewers } from "./viewers.ts";

/** What the server is told. */
export interface MonitorServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly token: string | null;
  readonly hosts: readonly string[];
  readonly viewersMax: number;
  /** The page's files; none: there is no page, and no events. */
  readonly assets: ReadonlyMap<string, Asset> | null;
  readonly viewers: Viewers;
  /** Whether `id` names a camera; the empty text stands for the first one. */
  cameraOf(id: string): string | null;
  /** A viewer came; it is told with `tell`. */
  onViewer(camera: string, tell: (event: ViewerEvent) => void): void;
  onViewerGone(): void;
  /** `ok` or `degraded`. */
  status(): string;
  /** Text of `/metrics`; null: there are none. */
  readonly metrics: (() => string) | null;
  /** The server listens, or says why it does not. */
  onState(state: { readonly url: string } | { readonly problem: string }): void;
  readonly clock: Clock;
  readonly random: Random;
}

/** Most bytes of a request's line and headers, and of a log-in form. */
export const HEAD_BYTES_MAX = 8 * 1024;
export const FORM_BYTES_MAX = 1024;
/** Longest path with its query, characters. */
export const PATH_LENGTH_MAX = 512;
/** How long a caller may take to send a head, and a whole request, ms. */
const HEAD_MS_MAX = 3000;
const REQUEST_MS_MAX = 5000;
/** How often those times are looked at, ms. */
const CHECK_MS = 500;
/** Connections besides those of viewers: page loads, metrics, log-ins. */
const CONNECTIONS_SPARE = 64;
const LISTEN_MS_MIN = 1000;
const LISTEN_MS_MAX = 30_000;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // Not `no-referrer`: with it a browser sends the log-in form with `Origin: null`.
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A handler of one path. */
type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

/** One path: what may be asked of it, and by whom. */
interface Route {
  readonly methods: Readonly<Record<string, Handler>>;
  /** Needs no token. Only what is the same for every gateway, and the log-in itself. */
  readonly isPublic: boolean;
  /** Query parameters that it knows. */
  readonly parameters: readonly string[];
}

/** Serves until it is disposed. */
export class MonitorServer implements AsyncDisposable {
  readonly #options: MonitorServerOptions;
  readonly #guard: Guard;
  readonly #routes = new Map<string, Route>();
  readonly #server: Server;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: MonitorServerOptions) {
    this.#options = options;
    this.#guard = new Guard(options);
    this.#addRoutes();
    this.#server = createServer({
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: HEAD_MS_MAX,
    }, (request, response) => this.#answer(request, response));
    this.#server.maxConnections = options.viewersMax + CONNECTIONS_SPARE;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    this.#running = this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#options.viewers.end();
    await this.#running;
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(): Promise<void> {
    const { clock, random, onState, host, port } = this.#options;
    const backoff: Backoff = createBackoff({ minMs: LISTEN_MS_MIN, maxMs: LISTEN_MS_MAX, random });
    while (!this.#stop.signal.aborted) {
      try {
        await listenOnce(this.#server, host, port);
        // From now on an error of the server is one of a connection, and ends that one only.
        this.#server.on("error", () => {});
        const bound = (this.#server.address() as { readonly port: number }).port;
        return onState({ url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}/` });
      } catch (error) {
        onState({ problem: `Cannot listen on ${host}:${port}: ${(error as Error).message}` });
        await clock.sleep(backoff.nextMs(), this.#stop.signal);
      }
    }
  }

  #addRoutes(): void {
    const { assets, metrics } = this.#options;
    const get = (handler: Handler, isPublic: boolean, parameters: readonly string[] = []): Route => {
      return { methods: { GET: handler, HEAD: handler }, isPublic, parameters };
    };
    this.#routes.set("/healthz", get((request, response) => this.#sendHealth(request, response), true));
    if (metrics !== null) {
      const send: Handler = (request, response) => sendText(request, response, 200, metrics(), METRICS_CONTENT_TYPE);
      this.#routes.set("/metrics", get(send, false));
    }
    if (assets === null) return;
    for (const [path, asset] of assets) {
      this.#routes.set(path, get((request, response) => sendAsset(request, response, asset), path !== "/"));
    }
    const login = assets.get("/login")!;
    this.#routes.set("/login", {
      methods: {
        GET: (request, response) => sendAsset(request, response, login),
        POST: (request, response) => void this.#logIn(request, response),
      },
      isPublic: true,
      parameters: ["failed"],
    });
    this.#routes.set("/logout", {
      methods: { POST: (request, response) => this.#logOut(request, response) },
      isPublic: true,
      parameters: [],
    });
    const events: Handler = (request, response, query) => this.#sendEvents(request, response, query);
    this.#routes.set("/events", { methods: { GET: events }, isPublic: false, parameters: ["camera", "view"] });
  }

  /** Every request comes through here. Answers, whatever it is. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    response.on("error", () => response.destroy());
    try {
      this.#route(request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else sendText(request, response, 500, `Cannot answer: ${(error as Error).message}\n`);
    }
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const head = headOf(request);
    const refusal = this.#guard.refusal(head);
    if (refusal !== null) return refuse(request, response, refusal.status, refusal.text);
    const url = request.url ?? "";
    if (url.length > PATH_LENGTH_MAX) return refuse(request, response, 414, "The path is too long");
    const mark = url.indexOf("?");
    // Never decoded or resolved: a path is one of the list, or there is nothing.
    const route = this.#routes.get(mark < 0 ? url : url.slice(0, mark));
    if (route === undefined) return refuse(request, response, 404, "There is nothing at this path");
    const method = request.method ?? "";
    if (!Object.hasOwn(route.methods, method)) {
      response.setHeader("allow", Object.keys(route.methods).join(", "));
      return refuse(request, response, 405, "This path does not take that method");
    }
    const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark));
    const unknown = [...query.keys()].find((name) => !route.parameters.includes(name));
    if (unknown !== undefined) {
      return refuse(request, response, 400, "The path has a parameter that it does not know; a token goes in a header");
    }
    if (!route.isPublic && !this.#guard.isAllowed(head)) return this.#askToLogIn(request, response);
    route.methods[method](request, response, query);
  }

  #askToLogIn(request: IncomingMessage, response: ServerResponse): void {
    const wantsPage = (request.headers.accept ?? "").includes("text/html");
    if (wantsPage && request.headers.authorization === undefined && this.#options.assets !== null) {
      return redirect(response, "/login");
    }
    response.setHeader("www-authenticate", 'Bearer realm="quartz-edge"');
    refuse(request, response, 401, "This monitor needs its token: Authorization: Bearer TOKEN, or log in at /login");
  }

  #sendHealth(request: IncomingMessage, response: ServerResponse): void {
    const body = JSON.stringify({ status: this.#options.status() });
    sendText(request, response, 200, `${body}\n`, "application/json");
  }

  async #logIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const form = await readForm(request);
      if (form === null) return refuse(request, response, 413, `A log-in has at most ${FORM_BYTES_MAX} bytes`);
      const outcome = this.#guard.logIn(form.get("token") ?? "");
      if (outcome === "later") {
        response.setHeader("retry-after", "60");
        return refuse(request, response, 429, "Too many wrong tokens: wait a minute");
      }
      if (outcome === "wrong") return redirect(response, "/login?failed");
      const { secret } = outcome;
      response.setHeader("set-cookie", `${COOKIE}=${secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${SESSION_S}`);
      redirect(response, "/");
    } catch {
      // The caller went away in the middle of its form.
      response.destroy();
    }
  }

  #logOut(request: IncomingMessage, response: ServerResponse): void {
    this.#guard.logOut(request.headers.cookie);
    response.setHeader("set-cookie", `${COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0`);
    redirect(response, "/login");
  }

  #sendEvents(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const { viewers, viewersMax, cameraOf, onViewer, onViewerGone } = this.#options;
    const camera = cameraOf(query.get("camera") ?? "");
    if (camera === null) return refuse(request, response, 404, "There is no camera of that name");
    const view = query.get("view") ?? "all";
    if (view !== "all" && view !== "figures") {
      return refuse(request, response, 400, "A view is all, or figures: all but frames");
    }
    if (viewers.isFull) {
      response.setHeader("retry-after", "30");
      const text = `${viewersMax} viewers look already, which is as many as monitor.viewers_max allows`;
      return refuse(request, response, 503, text);
    }
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" });
    response.flushHeaders();
    onViewer(camera, viewers.add(response, view === "all" ? camera : null, onViewerGone));
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function listenOnce(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function headOf({ headers, headersDistinct }: IncomingMessage): RequestHead {
  const one = (name: string) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  };
  return {
    // Node keeps the first of several Host headers; several are no host.
    host: (headersDistinct?.host?.length ?? 1) > 1 ? undefined : headers.host,
    origin: one("origin"),
    fetchSite: one("sec-fetch-site"),
    fetchMode: one("sec-fetch-mode"),
    authorization: headers.authorization,
    cookie: headers.cookie,
  };
}

function sendAsset(request: IncomingMessage, response: ServerResponse, { type, body, gzipped }: Asset): void {
  const zipped = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const bytes = zipped ? gzipped : body;
  if (zipped) response.setHeader("content-encoding", "gzip");
  response.writeHead(200, { "content-type": type, "content-length": bytes.length, vary: "accept-encoding" });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { "content-type": type, "content-length": bytes.length });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** An answer that ends the connection: what is left of the request is not read. */
function refuse(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  response.setHeader("connection", "close");
  sendText(request, response, status, `${text}\n`);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, "content-length": 0 });
  response.end();
}

/** The fields of a form; null when it is too large. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > FORM_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
