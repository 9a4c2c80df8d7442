/** A camera that gives one JPEG or PNG for each HTTP request: fetched over and over, at a steady beat. */

import { Buffer } from "node:buffer";
import { checkCameraUrl } from "../../src/core/camera_url.ts";
import type { Clock } from "../../src/core/clock.ts";
import { CameraError, type Issue } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import { redactSecrets, redactUrl } from "../../src/core/redact.ts";
import type { CameraSource, MalformedFrame } from "../../src/ports/camera_source.ts";
import { createCameraSource } from "./camera_shell.ts";
import { type DecodedImage, IMAGE_BYTES_MAX } from "./image_checks.ts";
import { decodeImage } from "./image_files.ts";
import { type BadPicture, checkPacedOptions, openProblems } from "./paced_source.ts";

/** Where the pictures are and how often they are fetched. */
export interface SnapshotOptions {
  /** `[a-z0-9_-]{1,64}`. */
  readonly id: string;
  /** Without credentials. */
  readonly url: string;
  /** For HTTP basic authentication. */
  readonly username: string | null;
  readonly password: string | null;
  /** From one picture to the next; a beat that was missed is left out. */
  readonly everyS: number;
  /** For one picture, from request to last byte. */
  readonly timeoutS: number;
  /** Longest picture, bytes. */
  readonly bytesMax: number;
  /** Ends after so many frames. */
  readonly limit?: number;
  readonly clock: Clock;
}

/**
 * Opens a snapshot camera; the first request goes out with the first frame that is asked for.
 *
 * A picture that cannot be used is a malformed frame. A camera that does not answer in time, or answers with anything
 * but 200 (or 304 to a conditional request: the picture has not changed) ends the frames with `camera.open` before the
 * first frame and `camera.lost` after it. Redirections are not followed: they could lead to a host that nobody allowed.
 *
 * @throws {CameraError} `camera.open` with everything that is wrong with the options
 */
export function openSnapshotCamera(options: SnapshotOptions): Promise<CameraSource> {
  const { id, url, everyS, timeoutS, bytesMax } = options;
  const issues: Issue[] = [];
  checkPacedOptions({ ...options, rateFps: null }, issues);
  const problem = checkCameraUrl(url, "snapshot");
  if (problem !== null) issues.push({ where: "url", ...problem });
  if (!(everyS > 0)) issues.push({ where: "every_s", expected: "above 0", found: `${everyS}` });
  if (!(timeoutS > 0)) issues.push({ where: "timeout_s", expected: "above 0", found: `${timeoutS}` });
  if (!(bytesMax >= 1 && bytesMax <= IMAGE_BYTES_MAX)) {
    issues.push({ where: "bytes_max", expected: `1 to ${IMAGE_BYTES_MAX}`, found: `${bytesMax}` });
  }
  if (issues.length > 0) return Promise.reject(openProblems(id, issues));
  return Promise.resolve(createCameraSource({ id, pacing: "live", run: (signal) => run(options, signal) }));
}

// ---------------------------------------------------------------------------------------------------------------------

async function* run(options: SnapshotOptions, signal: AbortSignal): AsyncGenerator<Frame | MalformedFrame> {
  const { clock, everyS, limit = Infinity } = options;
  const fetcher = new SnapshotFetcher(options);
  const periodUs = everyS * 1e6;
  let dueUs = clock.nowUs();
  for (let id = 0; id < limit; id++) {
    for (let nowUs = clock.nowUs(); nowUs < dueUs && !signal.aborted; nowUs = clock.nowUs()) {
      await clock.sleep((dueUs - nowUs) / 1000, signal);
    }
    if (signal.aborted) return;
    const picture = await fetcher.fetch(signal, id === 0 ? "camera.open" : "camera.lost");
    if (signal.aborted || picture === null) return;
    if ("reason" in picture) yield { id, malformed: true, reason: picture.reason };
    else yield { id, ...picture, truth: -1 };
    dueUs += periodUs * Math.max(1, Math.ceil((clock.nowUs() - dueUs) / periodUs));
  }
}

/** A picture, with the time at which its last byte had come. */
type Fetched = DecodedImage & Pick<Frame, "capturedAtUs" | "capturedAtWallMs" | "decodeUs">;

/** Requests, one at a time. */
class SnapshotFetcher {
  readonly #options: SnapshotOptions;
  readonly #headers: Record<string, string> = { accept: "image/jpeg, image/png" };
  /** The newest picture, for the answer that it has not changed. */
  #last: DecodedImage | null = null;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    const { username, password } = options;
    if (username !== null || password !== null) {
      this.#headers.authorization = `Basic ${Buffer.from(`${username ?? ""}:${password ?? ""}`).toString("base64")}`;
    }
  }

  /** One picture; null when `signal` was aborted. */
  async fetch(signal: AbortSignal, code: string): Promise<Fetched | BadPicture | null> {
    const { clock, timeoutS, url } = this.#options;
    const give = new AbortController();
    const finished = new AbortController();
    let isLate = false;
    const watching = clock.sleep(timeoutS * 1000, AbortSignal.any([signal, finished.signal])).then(() => {
      isLate = !signal.aborted && !finished.signal.aborted;
      if (!finished.signal.aborted) give.abort();
    });
    try {
      const response = await fetch(url, { headers: this.#headers, redirect: "manual", signal: give.signal });
      try {
        return await this.#read(response, code);
      } finally {
        if (!response.bodyUsed) await response.body?.cancel();
      }
    } catch (error) {
      if (error instanceof CameraError) throw error;
      if (signal.aborted) return null;
      const found = isLate ? `nothing after ${timeoutS} s` : describe(error);
      throw this.#failure(code, found, "Check host, port and that the camera is on");
    } finally {
      finished.abort();
      await watching;
    }
  }

  async #read(response: Response, code: string): Promise<Fetched | BadPicture> {
    const { clock } = this.#options;
    const at = () => ({ capturedAtUs: clock.nowUs(), capturedAtWallMs: clock.wallMs() });
    if (response.status === 304 && this.#last !== null) return { ...this.#last, ...at() };
    if (response.status !== 200) {
      const hint = [401, 403].includes(response.status) ? "Check username and password" : "Check the URL's path";
      throw this.#failure(code, `HTTP status ${response.status}`, hint);
    }
    const { bytesMax, id } = this.#options;
    const bytes = await readBody(response, bytesMax);
    if (bytes === null) return { reason: `Cannot use a picture as it must be at most ${bytesMax} bytes: found more` };
    const captured = at();
    try {
      this.#last = decodeImage(bytes, `picture of ${id}`);
    } catch (error) {
      if (error instanceof CameraError) return { reason: error.message };
      throw error;
    }
    this.#remember("if-none-match", response.headers.get("etag"));
    this.#remember("if-modified-since", response.headers.get("last-modified"));
    return { ...this.#last, ...captured, decodeUs: clock.nowUs() - captured.capturedAtUs };
  }

  #remember(header: string, value: string | null): void {
    if (value === null) delete this.#headers[header];
    else this.#headers[header] = value;
  }

  #failure(code: string, found: string, hint: string): CameraError {
    const { id, url, password } = this.#options;
    const verb = code === "camera.open" ? "open" : "go on with";
    const text = `Cannot ${verb} camera ${JSON.stringify(id)} as ${url} must answer with a picture: found ${found}`;
    const secrets = [password ?? undefined, this.#headers.authorization?.slice("Basic ".length)];
    return new CameraError(code, redactSecrets(redactUrl(text), secrets), { hint, facts: { camera: id } });
  }
}

/** All of a body, or null when it is longer than the limit; what is left over is not read. */
async function readBody(response: Response, bytesMax: number): Promise<Uint8Array | null> {
  if (Number(response.headers.get("content-length") ?? 0) > bytesMax) return null;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > bytesMax) return null; // leaving the loop cancels the body
    parts.push(part);
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts, length);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
